use idiolect_core::parse_date;
use idiolect_ingest::{Format, Options, RemovedReason};

use crate::{Import, archives::zipped, bytes};

fn author() -> Options {
    Options {
        author: Some("Ana".to_owned()),
        ..Options::default()
    }
}

fn named(name: &str, content: impl AsRef<[u8]>) -> Import {
    bytes(content, name, &author())
}

#[test]
fn a_text_is_a_document_in_any_encoding() {
    let import = named("diary/2004-01-05 Rain.txt", "It rained.\r\nAll day.\r\n");
    let document = &import.documents[0];
    assert_eq!(document.text, "It rained.\nAll day.");
    assert_eq!(document.title.as_deref(), Some("2004-01-05 Rain"));
    assert_eq!(document.date, Some(parse_date("2004-01-05").unwrap()));
    assert_eq!(document.id, "diary/2004-01-05 Rain.txt");
    assert_eq!(named("x.txt", b"\xff\xfec\0a\0f\0\xe9\0").texts(), ["café"]);
    assert_eq!(named("x.txt", "  \n").skipped(), [("empty_text", 1)]);
    assert_eq!(
        named("x.txt", b"\x00\x01\x02\x00\x00binary").problems,
        ["x.txt: not a text"]
    );
}

#[test]
fn a_page_is_its_article() {
    let html = "<!doctype html><html><head><meta charset=\"windows-1252\"><title>Rain | Ana's</title>\
        <meta property=\"article:published_time\" content=\"2004-01-05T10:30:00Z\"></head><body>\
        <nav>Home</nav><article><h1>Rain</h1><p>It rained in the caf\u{e9}.</p>\
        <blockquote>They said.</blockquote><p>It did.</p></article><footer>Imprint</footer></body></html>";
    let latin: Vec<u8> = html.chars().map(|c| c as u8).collect();
    let import = named("rain.html", latin);
    let document = &import.documents[0];
    assert_eq!(document.title.as_deref(), Some("Rain"));
    assert_eq!(document.text, "It rained in the café.\n\nIt did.");
    assert_eq!(
        document.date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(
        import.removed,
        [(
            "<blockquote>They said.</blockquote>".to_owned(),
            RemovedReason::Quote
        )]
    );
}

fn docx(document: &str) -> Vec<u8> {
    let document = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>\
         <w:document xmlns:w=\"w\"><w:body>{document}</w:body></w:document>"
    );
    let core = "<cp:coreProperties><dc:title>Stored</dc:title><dc:creator>Ana B&#246;hm</dc:creator>\
        <dcterms:created>2004-01-05T10:30:00Z</dcterms:created>\
        <dcterms:modified>2004-02-05T10:30:00Z</dcterms:modified></cp:coreProperties>";
    zipped(&[
        ("word/document.xml", document.as_bytes()),
        ("docProps/core.xml", core.as_bytes()),
    ])
}

#[test]
fn word_keeps_its_text_in_runs() {
    let import = bytes(
        docx(
            "<w:p><w:pPr><w:pStyle w:val=\"Title\"/></w:pPr><w:r><w:t>Rain</w:t></w:r></w:p>\
             <w:p><w:r><w:t xml:space=\"preserve\">It </w:t></w:r><w:r><w:t>rained &amp; rained &b;.</w:t></w:r>\
             <w:del><w:r><w:delText>not</w:delText></w:r></w:del></w:p>\
             <w:p><w:pPr><w:pStyle w:val=\"Quote\"/></w:pPr><w:r><w:t>They said.</w:t></w:r></w:p>\
             <w:p><w:r><w:instrText>PAGE</w:instrText><w:t>One</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t></w:r></w:p>\
             <w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>",
        ),
        "rain.docx",
        &Options::default(),
    );
    let document = &import.documents[0];
    assert_eq!(document.author, "Ana Böhm");
    assert_eq!(document.title.as_deref(), Some("Rain"));
    assert_eq!(document.text, "It rained & rained .\nOne two three");
    assert_eq!(
        document.date,
        Some(parse_date("2004-02-05T10:30:00Z").unwrap())
    );
    assert_eq!(
        import.removed,
        [("They said.".to_owned(), RemovedReason::Quote)]
    );
}

#[test]
fn broken_packages_are_problems() {
    let part = |name: &str, content: &[u8]| named("x.docx", zipped(&[(name, content)])).problems;
    assert_eq!(
        part("other.xml", b"x"),
        ["x.docx: `word/document.xml` is missing"]
    );
    assert_eq!(
        part("word/document.xml", b"<w:p><w:t>It rained.</w:t><"),
        ["x.docx: invalid XML at byte 26"]
    );
    let deep = "<a>".repeat(5_000);
    assert_eq!(
        part("word/document.xml", deep.as_bytes()),
        ["x.docx: elements lie more than 1000 deep in each other"]
    );
    let import = named("x.docx", b"PK\x03\x04 no archive");
    assert_eq!(
        import.problems,
        ["x.docx: the archive is damaged: its directory cannot be read"]
    );
}

#[test]
fn libre_office_keeps_its_text_in_paragraphs() {
    let content = "<office:document-content><office:automatic-styles>\
        <style:style style:name=\"P1\" style:parent-style-name=\"Title\"/>\
        <style:style style:name=\"P2\" style:parent-style-name=\"Quotations\"/></office:automatic-styles>\
        <office:body><text:tracked-changes><text:p>Deleted.</text:p></text:tracked-changes>\
        <text:p text:style-name=\"P1\">Rain</text:p>\
        <text:p>It<text:s text:c=\"2\"/>rained<office:annotation><text:p>no</text:p></office:annotation>\n&amp; rained.</text:p>\
        <text:p text:style-name=\"P2\">They said.</text:p><text:h>Later</text:h></office:body></office:document-content>";
    let meta = "<office:meta><meta:initial-creator>Ana</meta:initial-creator><dc:creator>Ben</dc:creator><dc:date>2004-01-05T10:30:00.5</dc:date></office:meta>";
    let file = zipped(&[
        ("content.xml", content.as_bytes()),
        ("meta.xml", meta.as_bytes()),
    ]);
    let import = bytes(file, "x.odt", &Options::default());
    let document = &import.documents[0];
    assert_eq!(document.author, "Ana");
    assert_eq!(document.title.as_deref(), Some("Rain"));
    assert_eq!(document.text, "It  rained & rained.\n\nLater");
    assert_eq!(
        document.date,
        Some(parse_date("2004-01-05T10:30:00.5Z").unwrap())
    );
    assert_eq!(
        import.removed,
        [("They said.".to_owned(), RemovedReason::Quote)]
    );
}

#[test]
fn a_blog_comes_out_of_wordpress() {
    let item = |kind: &str, status: &str, content: &str| {
        format!(
            "<item><title>A &amp; B</title><dc:creator><![CDATA[ana]]></dc:creator>\
             <content:encoded><![CDATA[{content}]]></content:encoded><wp:post_id>7</wp:post_id>\
             <wp:post_date_gmt>2004-01-05 10:30:00</wp:post_date_gmt><wp:status>{status}</wp:status>\
             <wp:post_type>{kind}</wp:post_type><wp:comment><wp:comment_content>Theirs</wp:comment_content></wp:comment></item>"
        )
    };
    let export = format!(
        "<?xml version=\"1.0\"?><rss xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel><title>Blog</title>{}{}{}{}</channel></rss>",
        item(
            "post",
            "publish",
            "It rained.\n\nAnd [gallery ids=\"1\"]rained.<blockquote>They said.</blockquote>"
        ),
        item("post", "draft", "Not yet."),
        item("attachment", "inherit", "A picture."),
        item("page", "trash", "Gone."),
    );
    let import = bytes(&export, "blog.xml", &Options::default());
    assert_eq!(import.texts(), ["It rained.\n\nAnd rained."]);
    let document = &import.documents[0];
    assert_eq!(document.author, "ana");
    assert_eq!(document.title.as_deref(), Some("A & B"));
    assert_eq!(
        document.date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(import.skipped(), [("draft", 1), ("trash", 1)]);
    let import = bytes(
        &export[..export.len() - 300],
        "blog.xml",
        &Options::default(),
    );
    assert_eq!(import.documents.len(), 1);
    assert_eq!(import.problems.len(), 1, "what was cut off is told");
    let other = bytes(
        "<?xml version=\"1.0\"?><feed/>",
        "x.xml",
        &Options {
            format: Format::Wordpress,
            ..author()
        },
    );
    assert_eq!(other.items(), 0);
}
