//! What the fuzz targets of the importers share.

use std::ops::ControlFlow;

use idiolect_ingest::{Format, Item, Options, read_from};

/// Reads bytes as one format; any file must give items that are counted once and documents that can
/// be stored, and never bring the reader down.
pub fn import(bytes: &[u8], format: Format) {
    let options = Options {
        format,
        author: Some("ana".to_owned()),
        me: vec!["ana@example.org".to_owned()],
        ..Options::default()
    };
    let mut items = 0;
    let stats = read_from(bytes, "x", &options, &mut |item| {
        items += 1;
        if let Item::Document(document) = item {
            assert!(!document.id.is_empty());
            assert!(!document.text.trim().is_empty());
        }
        ControlFlow::Continue(())
    });
    if let Ok(stats) = stats {
        assert_eq!(stats.items, items);
    }
}
