//! Operations on slices as operations on matrices, with hand-written derivatives, on the CPU.
//!
//! An [`Operation`] computes on the slices of its inputs and gives its own backward. Other devices and other types of
//! number take the ordinary operations, where [`apply`] gives nothing.

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, BackendTypes, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{DType, TensorData};

use super::Matrix;

type Array = <Flex as BackendTypes>::FloatTensorPrimitive;

/// A result: its shape and values, and what the derivative needs of it.
pub(crate) struct Outcome {
    pub dims: [usize; 2],
    pub values: Vec<f32>,
    pub saved: Vec<f32>,
}

impl Outcome {
    /// Of an operation without its inputs.
    pub fn none() -> Self {
        Outcome { dims: [0, 0], values: Vec::new(), saved: Vec::new() }
    }
}

/// The gradient of an input.
pub(crate) enum Gradient {
    /// That of the result itself.
    Same,
    /// Its values.
    Values(Vec<f32>),
}

/// An input: its shape and values, row by row. Values that [`Operation::keeps`] does not ask for are empty in backward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub dims: [usize; 2],
    pub values: &'a [f32],
}

/// An operation on matrices with its derivative.
pub(crate) trait Operation: Debug + Send + Sync {
    /// The result.
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome;

    /// Gradients of the inputs that are `needed`, from that of the result.
    fn backward(
        &self,
        inputs: &[Input<'_>],
        saved: &[f32],
        gradient: &[f32],
        needed: &[bool],
    ) -> Vec<Option<Gradient>>;

    /// Whether the derivative needs the values of this input.
    fn keeps(&self, _input: usize) -> bool {
        true
    }
}

/// An operation, shared between forward and backward.
pub(crate) type Shared = Arc<dyn Operation>;

/// The operations by the number of their inputs: the derivation of dispatch knows no lists.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Fused: Backend {
    fn fused1(operation: Shared, a: FloatTensor<Self>) -> FloatTensor<Self>;
    fn fused2(operation: Shared, a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    fn fused3(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn fused4(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn fused5(
        operation: Shared,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

macro_rules! by_count {
    ($(fn $name:ident($($x:ident),+);)+) => {
        impl Fused for Flex {
            $(fn $name(operation: Shared, $($x: FloatTensor<Self>),+) -> FloatTensor<Self> {
                value(&*operation, &[$($x),+]).0
            })+
        }

        impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
            $(fn $name(operation: Shared, $($x: FloatTensor<Self>),+) -> FloatTensor<Self> {
                tracked::<C, _>(operation, [$($x),+])
            })+
        }
    };
}

by_count! {
    fn fused1(a);
    fn fused2(a, b);
    fn fused3(a, b, c);
    fn fused4(a, b, c, d);
    fn fused5(a, b, c, d, e);
}

/// Whether fused operations take these matrices: 32-bit numbers on the CPU.
fn are_taken(matrices: &[Matrix]) -> bool {
    matrices.iter().all(|x| {
        let on_cpu = match x.device().as_dispatch() {
            DispatchDevice::Flex(_) => true,
            other => matches!(other.clone().inner(), DispatchDevice::Flex(_)),
        };
        on_cpu && x.dtype() == DType::F32
    })
}

/// Applies an operation of one to five inputs; `None` if they are not 32-bit numbers on the CPU.
pub(crate) fn apply(operation: impl Operation + 'static, inputs: Vec<Matrix>) -> Option<Matrix> {
    if !are_taken(&inputs) {
        return None;
    }
    let operation: Shared = Arc::new(operation);
    let mut inputs = inputs.into_iter().map(Matrix::into_dispatch);
    let first = inputs.next()?;
    let rest: Vec<_> = inputs.collect();
    let y = match <[_; 4]>::try_from(rest) {
        Ok([b, c, d, e]) => <Dispatch as Fused>::fused5(operation, first, b, c, d, e),
        Err(rest) => match <[_; 3]>::try_from(rest) {
            Ok([b, c, d]) => <Dispatch as Fused>::fused4(operation, first, b, c, d),
            Err(rest) => match <[_; 2]>::try_from(rest) {
                Ok([b, c]) => <Dispatch as Fused>::fused3(operation, first, b, c),
                Err(rest) => match <[_; 1]>::try_from(rest) {
                    Ok([b]) => <Dispatch as Fused>::fused2(operation, first, b),
                    Err(rest) if rest.is_empty() => <Dispatch as Fused>::fused1(operation, first),
                    Err(_) => return None,
                },
            },
        },
    };
    Some(Matrix::from_dispatch(y))
}

fn dims(x: &Array) -> [usize; 2] {
    let shape = x.layout().shape();
    let columns = shape.iter().last().copied().unwrap_or(1);
    [shape.num_elements() / columns.max(1), columns]
}

fn array(values: Vec<f32>, [rows, columns]: [usize; 2]) -> Array {
    Array::from_data(TensorData::new(values, [rows, columns]))
}

/// The same values without gaps.
fn dense(x: &Array) -> Array {
    if x.is_contiguous() { x.clone() } else { x.to_contiguous() }
}

fn values(x: &Array) -> &[f32] {
    x.as_slice::<f32>().unwrap_or_default()
}

fn value(operation: &dyn Operation, inputs: &[Array]) -> (Array, Vec<f32>) {
    let inputs: Vec<Array> = inputs.iter().map(dense).collect();
    let slices: Vec<Input<'_>> = inputs.iter().map(|x| Input { dims: dims(x), values: values(x) }).collect();
    let outcome = operation.forward(&slices);
    (array(outcome.values, outcome.dims), outcome.saved)
}

/// What backward needs.
#[derive(Debug, Clone)]
struct State {
    operation: Shared,
    inputs: Vec<([usize; 2], Option<Array>)>,
    saved: Arc<Vec<f32>>,
}

#[derive(Debug)]
struct Step;

impl<const N: usize> Backward<Flex, N> for Step {
    type State = State;

    fn backward(self, ops: Ops<State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = dense(&gradients.consume::<Flex>(&ops.node));
        let State { operation, inputs, saved } = ops.state;
        let slices: Vec<Input<'_>> = inputs
            .iter()
            .map(|(dims, x)| Input { dims: *dims, values: x.as_ref().map(values).unwrap_or_default() })
            .collect();
        let needed: Vec<bool> = ops.parents.iter().map(Option::is_some).collect();
        let found = operation.backward(&slices, &saved, values(&gradient), &needed);
        for ((node, found), input) in ops.parents.into_iter().zip(found).zip(&inputs) {
            if let (Some(node), Some(found)) = (node, found) {
                let found = match found {
                    Gradient::Same => gradient.clone(),
                    Gradient::Values(values) => array(values, input.0),
                };
                gradients.register::<Flex>(node.id, found);
            }
        }
    }
}

fn tracked<C: CheckpointStrategy, const N: usize>(
    operation: Shared,
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs.each_ref().map(|x| x.node());
    let inputs = inputs.map(|x| dense(&x.into_primitive()));
    let (y, saved) = value(&*operation, &inputs);
    match Step.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::UnTracked(prepared) => prepared.finish(y),
        OpsKind::Tracked(prepared) => {
            let kept = inputs.into_iter().enumerate();
            let kept = kept.map(|(i, x)| (dims(&x), operation.keeps(i).then_some(x)));
            let state = State { inputs: kept.collect(), saved: Arc::new(saved), operation };
            prepared.finish(state, y)
        }
    }
}
