use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path},
};

use serde::Deserialize;

use crate::Error;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Which tensors lie in which shard, by the index beside them.
pub(super) fn read(index: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let bytes = fs_err::read(index).map_err(Error::Read)?;
    let Index { weight_map } = serde_json::from_slice(&bytes).map_err(|source| Error::Json {
        file: index.to_owned(),
        source,
    })?;
    let mut shards = BTreeMap::<String, BTreeSet<String>>::new();
    for (tensor, shard) in weight_map {
        if !is_file_name(&shard) {
            return Err(Error::ShardName {
                index: index.to_owned(),
                shard,
            });
        }
        shards.entry(shard).or_default().insert(tensor);
    }
    Ok(shards)
}

/// Whether it names a file beside the index, and nothing elsewhere, on any system.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(parts.next(), Some(Component::Normal(only)) if only == name)
        && parts.next().is_none()
        && !name.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_lie_beside_their_index() {
        assert!(is_file_name("model-00001-of-00002.safetensors"));
        for outside in [
            "",
            ".",
            "..",
            "../model.safetensors",
            "/etc/passwd",
            "shards/1.safetensors",
            "./1.safetensors",
            "1.safetensors/",
            "c:1.safetensors",
            "..\\1.safetensors",
            "1\0",
        ] {
            assert!(!is_file_name(outside), "{outside:?}");
        }
    }
}
