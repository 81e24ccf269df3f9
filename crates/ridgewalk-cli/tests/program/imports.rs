//! `ridgewalk import`: weights by PyTorch's names as MODEL.

use safetensors::SafeTensors;
use safetensors::tensor::serialize_to_file;

use crate::support::Folder;

/// A folder with the weights of `SongUNet(8, 1, 1, label_dim=3, model_channels=8, channel_mult=[1, 2], num_blocks=1,
/// attn_resolutions=[8])` of EDM's code.
fn folder() -> Folder {
    let bytes = include_bytes!("../../../ridgewalk-nn/tests/networks/fixtures/song_unet.safetensors");
    let file = SafeTensors::deserialize(bytes).unwrap();
    let own = file.tensors().into_iter().filter(|(name, _)| !name.starts_with("golden."));
    let folder = Folder::new();
    serialize_to_file(own, None, &folder.path("unet.safetensors")).unwrap();
    folder
}

#[test]
fn imported_weights_are_a_model_as_any_other() {
    let folder = folder();
    let run = folder.ok("import unet.safetensors --predicts edm -o m/edm.safetensors");
    assert!(run.err.contains("unet of ") && run.err.contains("3 classes"), "{}", run.err);
    folder.ok("sample m/edm.safetensors --class 1 -n 4 --steps 4 -o out");
    assert_eq!(folder.points("out/samples.npy").len(), 4);
    // Started from the moments of data at hand, and of another label of the noise.
    folder.ok(
        "import unet.safetensors --predicts noise --told step:ddpm-linear --data digits -o b.safetensors",
    );
    folder.ok("sample b.safetensors -n 2 --steps 3 --sigma-max 20 -o other");
}

#[test]
fn what_a_file_does_not_say_must_be_said() {
    let folder = folder();
    folder.refused(
        "import unet.safetensors --predicts noise -o m.safetensors",
        &["--told", "step:ddpm-linear"],
    );
    folder.refused("import unet.safetensors --predicts denoised -o m.safetensors", &["--predicts denoised"]);
    folder.refused("import unet.safetensors --predicts edm --told often -o m.safetensors", &["often"]);
    folder.refused("import nothing.safetensors --predicts edm -o m.safetensors", &["nothing.safetensors"]);
    folder.refused("import unet.safetensors --predicts edm -o m.npy", &["m.npy", ".safetensors"]);
    folder.refused(
        "import unet.safetensors --predicts edm --shape 10x10 -o m.safetensors",
        &["unet.safetensors"],
    );
    folder.refused(
        "import unet.safetensors --predicts edm --data circle:n=9 -o m.safetensors",
        &["--data", "8×8"],
    );
    assert!(!folder.path("m.safetensors").exists());
}
