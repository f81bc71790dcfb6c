use burn::tensor::Device;

use crate::Error;

/// The device of this name: `cpu`, or `cuda` and `wgpu` where the build has them.
///
/// # Errors
/// [`Error::Device`].
pub fn device(name: &str) -> Result<Device, Error> {
    match name {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0_usize)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        _ => Err(Error::Device(name.to_owned())),
    }
}
