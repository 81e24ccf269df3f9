//! Reference values: an independent computation in the settings of arXiv 2510.02305, and what its figures show.

/// One scale of the wavy circle with 30 points.
pub struct WavyCircle {
    pub scale: f64,
    /// To the curve, to the unit circle, to the data, mean radius.
    pub values: [f64; 4],
    /// Density smoothing at the same distance to the data: to the curve.
    pub density: f64,
}

const fn wavy(scale: f64, values: [f64; 4], density: f64) -> WavyCircle {
    WavyCircle { scale, values, density }
}

/// T = 4, 100 steps, 400 samples.
pub const WAVY_CIRCLE: [WavyCircle; 8] = [
    wavy(0.0, [0.0010, 0.0765, 0.0013, 1.0069], 0.0010),
    wavy(0.05, [0.0018, 0.0751, 0.0027, 1.0044], 0.0019),
    wavy(0.075, [0.0149, 0.0681, 0.0225, 1.0030], 0.0146),
    wavy(0.1, [0.0335, 0.0573, 0.0558, 1.0000], 0.0352),
    wavy(0.15, [0.0595, 0.0311, 0.0883, 0.9881], 0.0576),
    wavy(0.25, [0.0867, 0.0504, 0.1120, 0.9496], 0.0799),
    wavy(0.4, [0.1220, 0.1604, 0.1487, 0.8396], 0.1227),
    wavy(1.0, [0.8462, 0.9755, 0.8558, 0.0245], 0.8256),
];

/// A row of a manifold in R^32.
pub struct Surface {
    pub tangent: bool,
    pub scale: f64,
    pub to_data: f64,
    pub to_manifold: f64,
    /// Density smoothing at the same distance to the data.
    pub density: f64,
}

const fn surface(tangent: bool, scale: f64, to_data: f64, to_manifold: f64, density: f64) -> Surface {
    Surface { tangent, scale, to_data, to_manifold, density }
}

/// S² in R^32, 100 random points, T = 9, 100 steps.
pub const SPHERE: [Surface; 6] = [
    surface(false, 0.05, 0.0189, 0.0056, 0.0184),
    surface(false, 0.1, 0.0511, 0.0101, 0.0495),
    surface(false, 0.15, 0.0941, 0.0281, 0.0911),
    surface(false, 0.2, 0.1229, 0.0495, 0.1191),
    surface(true, 0.1, 0.0520, 0.0098, 0.0503),
    surface(true, 0.2, 0.1230, 0.0454, 0.1192),
];

/// A 2-torus of two harmonics in R^32, 200 random points.
pub const TORUS: [Surface; 5] = [
    surface(false, 0.1, 0.0572, 0.0124, 0.0554),
    surface(false, 0.15, 0.0913, 0.0361, 0.0884),
    surface(false, 0.2, 0.1336, 0.0801, 0.1294),
    surface(true, 0.1, 0.0569, 0.0115, 0.0551),
    surface(true, 0.2, 0.1281, 0.0528, 0.1240),
];

/// One scale of the bump images: distances to the data and to the curve.
pub struct Bump {
    pub scale: f64,
    /// With the Monte-Carlo error of 50,000 plain draws.
    pub plain: (f64, f64),
    /// Without it.
    pub exact: (f64, f64),
    /// Read off the paper's figure 8.
    pub figure: (f64, f64),
}

pub const BUMPS: [Bump; 5] = [
    Bump { scale: 1.0, plain: (0.293, 0.293), exact: (0.064, 0.064), figure: (0.30, 0.30) },
    Bump { scale: 1.8, plain: (0.556, 0.556), exact: (0.209, 0.207), figure: (0.56, 0.56) },
    Bump { scale: 2.2, plain: (0.885, 0.828), exact: (0.580, 0.539), figure: (0.82, 0.81) },
    Bump { scale: 2.4, plain: (1.105, 1.033), exact: (0.853, 0.780), figure: (1.10, 1.04) },
    Bump { scale: 2.6, plain: (1.419, 1.310), exact: (1.241, 1.103), figure: (1.48, 1.34) },
];

/// The adapted kernel on the bump images, read off the paper's figure 8: scale, to data, to curve.
pub const BUMPS_ADAPTED: [(f64, f64, f64); 7] = [
    (1.6, 0.15, 0.15),
    (2.4, 0.15, 0.10),
    (3.2, 0.68, 0.21),
    (3.5, 0.94, 0.25),
    (3.8, 1.13, 0.27),
    (4.4, 1.40, 0.27),
    (5.0, 1.52, 0.26),
];

/// One setting of the ring of 24 points on the unit circle.
pub struct Ring {
    pub variance: f64,
    pub scale: f64,
    pub divergence: f64,
    /// Root mean square distance to the circle: plain, smoothed, adapted.
    pub distances: [f64; 3],
}

const fn ring(variance: f64, scale: f64, divergence: f64, distances: [f64; 3]) -> Ring {
    Ring { variance, scale, divergence, distances }
}

pub const RING: [Ring; 7] = [
    ring(0.002, 0.02, 4e-6, [0.0447, 0.0447, 0.0447]),
    ring(0.002, 0.05, 1.5e-5, [0.0447, 0.0448, 0.0448]),
    ring(0.002, 0.1, 5.6e-5, [0.0447, 0.0453, 0.0453]),
    ring(0.002, 0.2, 1.3e-4, [0.0447, 0.0512, 0.0509]),
    ring(0.008, 0.1, 1.1e-5, [0.0894, 0.0897, 0.0897]),
    ring(0.008, 0.2, 4.9e-5, [0.0894, 0.0933, 0.0932]),
    ring(0.03, 0.2, 4.8e-5, [0.1725, 0.1772, 0.1769]),
];

/// Radius of the attractor of dense data on the unit circle: scale, radius.
pub const ATTRACTOR: [(f64, f64); 6] =
    [(0.05, 0.99874), (0.1, 0.99491), (0.2, 0.97836), (0.3, 0.94388), (0.4, 0.86972), (0.5, 0.71517)];
