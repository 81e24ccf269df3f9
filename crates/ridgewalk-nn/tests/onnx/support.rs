//! ONNX files: the few messages of protobuf that a small network needs.

use ridgewalk_nn::onnx::{OnnxDenoiser, OnnxOptions};

/// Element types of the format.
pub const F32: u64 = 1;
pub const I64: u64 = 7;

fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = (n & 127) as u8;
        n >>= 7;
        out.push(if n > 0 { low | 128 } else { low });
        if n == 0 {
            return out;
        }
    }
}

fn integer(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A constant of f32.
pub fn constant(name: &str, shape: &[u64], values: &[f32]) -> Vec<u8> {
    let sizes: Vec<u8> = shape.iter().flat_map(|n| integer(1, *n)).collect();
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [sizes, integer(2, F32), bytes(8, name), bytes(9, raw)].concat()
}

/// A constant list of one axis.
pub fn axis(name: &str, axis: i64) -> Vec<u8> {
    [integer(1, 1), integer(2, I64), bytes(8, name), bytes(9, axis.to_le_bytes())].concat()
}

/// An input or output; sizes of 0 are left open.
pub fn value(name: &str, element: u64, shape: &[u64]) -> Vec<u8> {
    let size = |n: &u64| if *n == 0 { bytes(2, "n") } else { integer(1, *n) };
    let sizes: Vec<u8> = shape.iter().flat_map(|n| bytes(1, size(n))).collect();
    let tensor = [integer(1, element), bytes(2, sizes)].concat();
    [bytes(1, name), bytes(2, bytes(1, tensor))].concat()
}

/// An operation without attributes.
pub fn node(operation: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
    [inputs, bytes(2, output), bytes(4, operation)].concat()
}

/// A conversion to f32.
pub fn to_f32(input: &str, output: &str) -> Vec<u8> {
    let attribute = [bytes(1, "to"), integer(3, F32), integer(20, 2)].concat();
    [node("Cast", &[input], output), bytes(5, attribute)].concat()
}

/// A file of operations, constants, inputs and outputs.
pub fn file(nodes: &[Vec<u8>], constants: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
    let all =
        |field: u64, parts: &[Vec<u8>]| -> Vec<u8> { parts.iter().flat_map(|p| bytes(field, p)).collect() };
    let graph =
        [all(1, nodes), bytes(2, "network"), all(5, constants), all(11, inputs), all(12, outputs)].concat();
    let opset = [bytes(1, ""), integer(2, 17)].concat();
    [integer(1, 8), bytes(2, "test"), bytes(7, graph), bytes(8, opset)].concat()
}

/// D of the Gaussian of mean (1, −2) and variance 1/4, told σ of every point.
pub fn gaussian(rows: u64) -> Vec<u8> {
    file(
        &[
            node("Mul", &["sigma", "sigma"], "v"),
            node("Unsqueeze", &["v", "one"], "column"),
            node("Mul", &["x", "variance"], "a"),
            node("Mul", &["column", "mean"], "b"),
            node("Add", &["a", "b"], "top"),
            node("Add", &["column", "variance"], "bottom"),
            node("Div", &["top", "bottom"], "answer"),
        ],
        &[constant("variance", &[1, 1], &[0.25]), constant("mean", &[1, 2], &[1.0, -2.0]), axis("one", 1)],
        &[value("x", F32, &[rows, 2]), value("sigma", F32, &[rows])],
        &[value("answer", F32, &[rows, 2])],
    )
}

/// f(u, t) = u/2 + t/1000, t being one integer for all points.
pub fn stepped() -> Vec<u8> {
    file(
        &[
            to_f32("timestep", "t"),
            node("Mul", &["t", "milli"], "shift"),
            node("Mul", &["sample", "half"], "part"),
            node("Add", &["part", "shift"], "out"),
        ],
        &[constant("milli", &[], &[1e-3]), constant("half", &[], &[0.5])],
        &[value("sample", F32, &[0, 3]), value("timestep", I64, &[])],
        &[value("out", F32, &[0, 3])],
    )
}

/// f(u) = u + channel, of blind images of these sides (0: any).
pub fn tinted(height: u64, width: u64) -> Vec<u8> {
    file(
        &[node("Add", &["y", "tint"], "denoised")],
        &[constant("tint", &[1, 3, 1, 1], &[0.0, 1.0, 2.0])],
        &[value("y", F32, &[0, 3, height, width])],
        &[value("denoised", F32, &[0, 3, height, width])],
    )
}

/// A network of these bytes; none if there is no library, which is printed.
pub fn load(file: &[u8], options: &OnnxOptions) -> Option<ridgewalk_nn::Result<OnnxDenoiser>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    std::fs::write(&path, file).unwrap();
    match OnnxDenoiser::load(&path, options) {
        Err(error) if error.to_string().contains("was not found") => {
            println!("skipped: {error}");
            None
        }
        other => Some(other),
    }
}
