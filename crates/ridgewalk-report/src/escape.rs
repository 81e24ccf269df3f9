//! Escaping of text that others wrote (titles, labels, file names) for HTML, SVG, scripts and file names.

/// Text for HTML and SVG, in element content and in quoted attributes alike.
///
/// Control characters that XML 1.0 forbids become U+FFFD, so that an SVG file always parses.
pub(crate) fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c if reorders(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a character changes the direction of text: left open, it would reorder the text around it.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// JSON for a `<script>` element: no character is left that could end the element or start a comment.
pub(crate) fn json(value: &serde_json::Value) -> String {
    value
        .to_string()
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
        .replace(reorders, "")
}

/// A name that is safe as an HTML id and as the stem of a file: lower-case ASCII letters, digits
/// and hyphens, at most 60, never empty.
///
/// ```
/// assert_eq!(ridgewalk_report::file_stem("../../etc/Passwd <b>"), "etc-passwd-b");
/// assert_eq!(ridgewalk_report::file_stem("///"), "figure");
/// ```
pub fn file_stem(id: &str) -> String {
    let mut out = String::new();
    for c in id.chars() {
        if out.len() >= 60 {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let stem = out.trim_end_matches('-');
    if stem.is_empty() { "figure".into() } else { stem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(text(r#"<a b="c" d='e'>&"#), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
        assert_eq!(text("a\u{0}b\u{202E}c"), "a\u{FFFD}bc");
    }

    #[test]
    fn json_cannot_leave_its_script_and_still_reads_back() {
        let hostile = "</script><!-- <script> \u{2028} & ]]>";
        let out = json(&serde_json::json!({ "k": hostile }));
        assert!(!out.contains('<') && !out.contains('>') && !out.contains('&'), "{out}");
        let back: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(back["k"], hostile);
    }
}
