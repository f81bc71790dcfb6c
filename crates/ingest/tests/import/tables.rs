use std::collections::BTreeMap;

use idiolect_core::parse_date;
use idiolect_ingest::{Error, Field, Format, Options};

use crate::{bytes, try_bytes};

#[test]
fn a_table_is_read_by_the_names_of_its_columns() {
    let table = "Author,Date,Title,Text,mood\nana,2004-01-05,Rain,\"It rained,\nall \"\"day\"\".\",wet\nana,,,  ,\nben,soon,x,y,z\n";
    let import = bytes(table, "x.csv", &Options::default());
    assert_eq!(import.texts(), ["It rained,\nall \"day\"."]);
    assert_eq!(
        import.documents[0].date,
        Some(parse_date("2004-01-05").unwrap())
    );
    assert_eq!(import.skipped(), [("empty_text", 1)]);
    assert_eq!(import.problems, ["x.csv, line 5: `date` is not a date"]);
    assert_eq!(import.stats.ignored_fields["mood"], 1);
}

#[test]
fn columns_may_go_by_other_names_signs_and_encodings() {
    let options = Options {
        map: BTreeMap::from([
            (Field::Text, "body".to_owned()),
            (Field::Date, "written".to_owned()),
        ]),
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    let import = bytes(
        b"written;body\n2004-01-05 10:30;Un caf\xe9 apr\xe8s\n",
        "x.csv",
        &options,
    );
    assert_eq!(import.texts(), ["Un café après"]);
    let wide: Vec<u8> = "\u{feff}written\tbody\n2004-01-05\tA café\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let import = bytes(wide, "x.tsv", &options);
    assert_eq!(import.texts(), ["A café"]);
}

#[test]
fn a_table_without_a_text_is_refused() {
    let error = try_bytes(b"a,b\n1,2\n", "x.csv", &Options::default()).unwrap_err();
    assert!(matches!(error, Error::NoTextColumn { .. }));
    let open = format!("text\n\"{}", "x\n".repeat(1000));
    let options = Options {
        format: Format::Csv,
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    assert_eq!(bytes(open, "-", &options).items(), 1);
}
