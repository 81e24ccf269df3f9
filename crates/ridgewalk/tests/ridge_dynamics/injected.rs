//! injected
