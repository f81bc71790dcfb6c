//! What the fuzz targets of the importers share.

use std::{
    io::{Cursor, Write},
    ops::ControlFlow,
};

use idiolect_ingest::{Format, Item, Options, read_from};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Reads bytes as one format; any file must give items that are counted once and documents that can
/// be stored, and never bring the reader down.
pub fn import(bytes: &[u8], format: Format) {
    let options = Options {
        format,
        author: Some("ana".to_owned()),
        // Ana by whatever name a format knows her; dumps of many authors know none.
        me: match format {
            Format::Reddit | Format::Amazon | Format::Lamp => Vec::new(),
            _ => ["ana@example.org", "Ana", "user7", "U1"].map(str::to_owned).to_vec(),
        },
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

/// Reads bytes as the one part of a document that is an archive.
pub fn import_package(bytes: &[u8], part: &str, format: Format) {
    import(&zipped([(part, bytes)]), format);
}

/// Reads bytes as an archive of files: a line is the name of one, what stands behind it up to a line of
/// `%%` its content.
pub fn import_export(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files = text.split("\n%%\n").take(16).map(|file| {
        let (name, content) = file.split_once('\n').unwrap_or((file, ""));
        (name, content.as_bytes())
    });
    import(&zipped(files), Format::Auto);
}

/// An archive, nothing in it compressed.
fn zipped<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        // Names that cannot be are none.
        if zip.start_file(name, stored).is_ok() {
            zip.write_all(content).expect("memory takes everything");
        }
    }
    zip.finish()
        .expect("memory takes everything")
        .into_inner()
}
