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
        match item {
            Item::Document(imported) => {
                items += 1;
                assert!(!imported.document.id.is_empty());
                assert!(!imported.document.text.trim().is_empty());
                let original = imported.original.unwrap_or_default();
                let mut last = 0;
                for removed in imported.removed {
                    // In order, apart, and on the edges of letters.
                    assert!(last <= removed.span.start);
                    assert!(original.get(removed.span.clone()).is_some());
                    last = removed.span.end;
                }
            }
            Item::Skipped(_) | Item::Problem(_) => items += 1,
            Item::Finished { .. } | Item::Known { .. } => {}
        }
        ControlFlow::Continue(())
    });
    if let Ok(stats) = stats {
        assert_eq!(stats.items, items);
    }
}
