//! Times of the network kernels: `cargo run --release --example network`.
use ridgewalk_kernels::network::{
    Attention, Convolution, GroupNorm, Images, LayerNorm, Linear, Nonlinearity,
};
use std::time::Instant;

fn best(name: &str, flops: f64, mut f: impl FnMut()) {
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (best, median) = (times[0], times[times.len() / 2]);
    println!(
        "{name}: median {:.2} ms, best {:.2} ms, {:.0} GFLOP/s",
        median * 1e3,
        best * 1e3,
        flops / best / 1e9
    );
}

fn main() {
    let values = |n: usize| -> Vec<f32> { (0..n).map(|i| (i * 37 % 101) as f32 / 101.0 - 0.5).collect() };
    let images = Images { images: 64, height: 16, width: 16 };
    let (rows, c) = (images.rows(), 64);
    let (x, g, w, b) = (values(rows * c), values(rows * c), values(9 * c * c), values(c));
    let conv = Convolution { images, inputs: c, outputs: c, scale: 1.0 };
    let flops = 2.0 * (rows * 9 * c * c) as f64;
    best("conv 64 forward", flops, || drop(conv.forward(&x, &w, Some(&b), None)));
    best("conv 64 backward x", flops, || drop(conv.backward(&x, &w, &g, (true, false))));
    best("conv 64 backward w", flops, || drop(conv.backward(&x, &w, &g, (false, true))));
    let norm = GroupNorm {
        images: 64,
        pixels: 256,
        channels: c,
        groups: 8,
        epsilon: 1e-5,
        activation: Nonlinearity::Silu,
    };
    let normalised = norm.forward(&x, &b, &b, None);
    best("group norm forward", 0.0, || drop(norm.forward(&x, &b, &b, None)));
    best("group norm backward", 0.0, || drop(norm.backward(&x, (&b, &b), None, &normalised.statistics, &g)));
    for (rows, inputs, outputs) in [(512, 512, 512), (2048, 384, 1536), (2048, 1536, 384), (16384, 64, 64)] {
        let (x, w, b) = (values(rows * inputs), values(inputs * outputs), values(outputs));
        let g = values(rows * outputs);
        let layer = Linear { rows, inputs, outputs, activation: Nonlinearity::Silu };
        let flops = 2.0 * (rows * inputs * outputs) as f64;
        let (_, before) = layer.forward(&x, &w, Some(&b));
        best(&format!("linear {rows} {inputs} {outputs} forward"), flops, || {
            drop(layer.forward(&x, &w, Some(&b)))
        });
        best("  backward x", flops, || drop(layer.backward(&x, &w, before.as_deref(), &g, (true, false))));
        best("  backward w", flops, || drop(layer.backward(&x, &w, before.as_deref(), &g, (false, true))));
    }
    let (samples, tokens, channels) = (32, 64, 384);
    let (x, qkv) = (values(samples * tokens * channels), values(samples * tokens * 3 * channels));
    let attention = Attention { samples, tokens, channels, heads: 6 };
    let (_, weights) = attention.forward(&qkv);
    let flops = 4.0 * (samples * tokens * tokens * channels) as f64;
    best("attention forward", flops, || drop(attention.forward(&qkv)));
    best("attention backward", 2.0 * flops, || drop(attention.backward(&qkv, &weights, &x)));
    let norm = LayerNorm { samples, rows: tokens, channels, epsilon: 1e-6 };
    let scale = values(samples * channels);
    let (_, statistics) = norm.forward(&x, Some((&scale, &scale)));
    best("layer norm forward", 0.0, || drop(norm.forward(&x, Some((&scale, &scale)))));
    best("layer norm backward", 0.0, || drop(norm.backward(&x, Some(&scale), &statistics, &x)));
}
