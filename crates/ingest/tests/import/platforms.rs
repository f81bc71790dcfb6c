use idiolect_core::parse_date;
use idiolect_ingest::{Format, Options};

use crate::{Import, archives::zip, bytes};

fn plain(name: &str, content: impl AsRef<[u8]>) -> Import {
    bytes(content, name, &Options::default())
}

fn me(name: &str) -> Options {
    Options {
        me: vec![name.to_owned()],
        ..Options::default()
    }
}

#[test]
fn reddit_gives_tables_and_no_addresses() {
    let comments = "id,permalink,date,ip,subreddit,gildings,link,parent,body,media\n\
        c1,https://r/c1,2004-01-05 10:30:00 UTC,203.0.113.9,boats,0,https://r/l,,\"> theirs\n\nIt &amp; rained.\",\n\
        c2,https://r/c2,2004-01-05 10:31:00 UTC,203.0.113.9,boats,0,https://r/l,,[removed],\n";
    let posts = "id,permalink,date,ip,subreddit,gildings,title,url,body\np1,https://r/p1,2004-01-06 10:30:00 UTC,203.0.113.9,boats,0,Rain,https://r/p1,All day.\n";
    let import = zip(
        &[
            ("comments.csv", comments),
            ("posts.csv", posts),
            ("ip_logs.csv", "date,ip\n2004-01-05,203.0.113.9\n"),
            ("statistics.csv", "statistic,value\naccount name,ana\n"),
        ],
        &Options::default(),
    );
    assert_eq!(import.texts(), ["It & rained.", "All day."]);
    let comment = &import.documents[0];
    assert_eq!(comment.author, "ana");
    assert_eq!(
        comment.date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(import.documents[1].title.as_deref(), Some("Rain"));
    assert_eq!(import.skipped(), [("deleted", 1)]);
    assert!(!format!("{:?}", import.documents).contains("203.0.113"));
}

#[test]
fn pushshift_writes_lines() {
    let lines = r#"{"author": "ana", "body": "It &gt; rained.", "subreddit": "boats", "created_utc": 1073298600, "id": "c1", "link_id": "t3_p"}
{"author": "[deleted]", "body": "[deleted]", "subreddit": "boats", "created_utc": 1073298600, "id": "c2"}
{"author": "AutoModerator", "body": "Rules.", "subreddit": "boats", "created_utc": 1073298600, "id": "c3"}
{"author": "ben", "title": "Rain", "selftext": "All day.", "subreddit": "boats", "created_utc": "1073298600", "id": "p1"}
nonsense
"#;
    let compressed = zstd::encode_all(lines.as_bytes(), 3).unwrap();
    let import = plain("RC_2004-01.zst", compressed);
    assert_eq!(import.texts(), ["It > rained.", "All day."]);
    assert_eq!(
        import.documents[0].date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(import.skipped(), [("auto_reply", 1), ("deleted", 1)]);
    assert_eq!(
        import.problems,
        ["RC_2004-01.zst, line 5: invalid JSON at column 2"]
    );
    let import = bytes(lines, "x.jsonl", &me("u/Ana"));
    assert_eq!(import.texts(), ["It > rained."]);
}

#[test]
fn windows_may_be_two_gibibytes_long() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(31).unwrap();
    encoder.long_distance_matching(true).unwrap();
    std::io::Write::write_all(
        &mut encoder,
        b"{\"author\": \"ana\", \"body\": \"Rain.\", \"subreddit\": \"b\"}\n",
    )
    .unwrap();
    let import = plain("RC.zst", encoder.finish().unwrap());
    assert_eq!(import.texts(), ["Rain."]);
}

#[test]
fn amazon_changed_its_reviews_over_the_years() {
    let lines = r#"{"rating": 5.0, "title": "Dry", "text": "It kept<br />me dry.", "asin": "B1", "parent_asin": "B0", "user_id": "AX", "timestamp": 1073298600000}
{"reviewerID": "AY", "asin": "B2", "reviewText": "Wet.", "summary": "No", "unixReviewTime": 1073298600, "overall": 1.0}
"#;
    let import = plain("x.jsonl", lines);
    assert_eq!(import.texts(), ["It kept\nme dry.", "Wet."]);
    for document in &import.documents {
        assert_eq!(
            document.date,
            Some(parse_date("2004-01-05T10:30:00Z").unwrap())
        );
    }
    assert_eq!(import.documents[1].author, "AY");
    let table = "marketplace\tcustomer_id\treview_id\tproduct_id\tproduct_parent\tproduct_title\tproduct_category\tstar_rating\thelpful_votes\ttotal_votes\tvine\tverified_purchase\treview_headline\treview_body\treview_date\n\
        US\t12\tR1\tB1\t1\tCoat\tCoats\t5\t0\t0\tN\tY\tA 5\" coat\tIt \"rained.\t2004-01-05\nUS\t12\tR2\n";
    let import = plain("x.tsv", table);
    assert_eq!(import.texts(), ["It \"rained."]);
    assert_eq!(import.documents[0].title.as_deref(), Some("A 5\" coat"));
    assert_eq!(import.documents[0].id, "R1");
    assert_eq!(import.skipped(), [("empty_text", 1)]);
}

#[test]
fn a_profile_of_lamp_is_the_past_of_an_author() {
    let questions = r#"[{"id": "110", "input": "Write a headline", "profile": [
        {"id": "1100", "text": "It rained.", "title": "Rain", "date": "2004-01-05"},
        {"id": "1101", "abstract": "We study rain.", "title": "On rain", "year": "2005"}]},
        {"id": "111", "input": "x"},
        {"id": 112, "input": "x", "profile": [{"id": 1, "reviewText": "Wet.", "summary": "No", "overall": "1"}, 3]}]"#;
    let import = plain("train_questions.json", questions);
    let told: Vec<_> = import
        .documents
        .iter()
        .map(|one| {
            (
                one.author.as_str(),
                one.id.as_str(),
                one.n,
                one.title.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("110", "1100", Some(0), Some("Rain")),
            ("110", "1101", Some(1), Some("On rain")),
            ("112", "1", Some(0), Some("No")),
        ]
    );
    assert_eq!(
        import.problems,
        [
            "train_questions.json, item 2: `profile` is missing",
            "train_questions.json, item 3: not a JSON object"
        ]
    );
}

#[test]
fn posts_on_x_lose_what_the_program_adds() {
    let tweets = r#"window.YTD.tweets.part0 = [
        {"tweet": {"id_str": "1", "full_text": "@ben @cleo It rained &amp; see https://t.co/a https://t.co/b", "created_at": "Mon Jan 05 10:30:00 +0000 2004", "in_reply_to_screen_name": "ben", "in_reply_to_status_id_str": "9", "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://example.org"}], "media": [{"url": "https://t.co/b"}]}}},
        {"tweet": {"id_str": "2", "full_text": "RT @ben: No."}},
        {"tweet": {"id_str": "3"}}]"#;
    let account = r#"window.YTD.account.part0 = [{"account": {"username": "ana", "email": "x"}}]"#;
    let files = [
        ("data/tweets.js", tweets),
        ("data/account.js", account),
        (
            "data/direct-messages.js",
            "window.YTD.direct_messages.part0 = []",
        ),
        ("Your archive.html", "<p>no</p>"),
    ];
    let import = zip(&files, &Options::default());
    assert_eq!(import.texts(), ["It rained & see https://example.org"]);
    let document = &import.documents[0];
    assert_eq!(
        (document.author.as_str(), document.to.as_deref()),
        ("ana", Some("ben"))
    );
    assert_eq!(
        document.date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(import.skipped(), [("repost", 1)]);
    assert_eq!(import.problems.len(), 1);
    let alone = bytes(tweets, "tweets.js", &me("ana"));
    assert_eq!(alone.documents.len(), 1);
}

#[test]
fn substack_and_medium_are_pages_and_say_what_is_a_draft() {
    let table = "post_id,post_date,is_published,email_sent_at,type,audience,title,subtitle,podcast_url\n\
        1.rain,2004-01-05T10:30:00.000Z,true,,newsletter,everyone,Rain,All day,\n2.no,,false,,newsletter,everyone,No,,\n";
    let options = Options {
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    let import = zip(
        &[
            ("posts.csv", table),
            ("posts/1.rain.html", "<p>It rained.</p>"),
            ("posts/2.no.html", "<p>No.</p>"),
            ("email_list.csv", "email\nx@y\n"),
        ],
        &options,
    );
    assert_eq!(import.texts(), ["All day\n\nIt rained."]);
    assert_eq!(import.documents[0].title.as_deref(), Some("Rain"));
    assert_eq!(import.skipped(), [("draft", 1)]);

    let post = "<!DOCTYPE html><html><head><title>Rain</title></head><body><article class=\"h-entry\"><header><h1 class=\"p-name\">Rain</h1></header>\
        <section data-field=\"subtitle\">All day</section><section data-field=\"body\" class=\"e-content\"><section name=\"a\"><h3>Rain</h3><p>It rained.</p><blockquote>They said.</blockquote></section></section>\
        <footer><p>By <a href=\"x\" class=\"p-author h-card\">Ana B</a> on <a href=\"y\"><time class=\"dt-published\" datetime=\"2004-01-05T10:30:00.000Z\">x</time></a>.</p></footer></article></body></html>";
    let import = zip(
        &[
            ("posts/2004-01-05_Rain-1.html", post),
            ("posts/draft_No-2.html", post),
            ("profile/profile.html", "<p>me</p>"),
            ("claps/claps-1.html", "<p>theirs</p>"),
        ],
        &Options::default(),
    );
    assert_eq!(import.texts(), ["It rained."]);
    let document = &import.documents[0];
    assert_eq!(
        (document.author.as_str(), document.title.as_deref()),
        ("Ana B", Some("Rain"))
    );
    assert_eq!(
        document.date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(import.skipped(), [("draft", 1)]);
}

#[test]
fn hacker_news_quotes_by_a_sign() {
    let lines = r#"{"by": "ana", "id": 1, "time": 1073298600, "type": "comment", "parent": 9, "text": "&gt; theirs<p>It rained.<p><i>All</i> day."}
{"by": "ana", "id": 2, "time": 1073298600, "type": "story", "title": "Rain", "url": "https://example.org"}
{"by": "ben", "id": 3, "time": 1073298600, "type": "story", "title": "Ask", "text": "Why?"}
{"id": 4, "time": 1073298600, "type": "comment", "deleted": true}
"#;
    let import = bytes(lines, "items.jsonl", &me("ana"));
    assert_eq!(import.texts(), ["It rained.\n\nAll day."]);
    assert_eq!(
        import.skipped(),
        [("deleted", 1), ("no_text", 1), ("other_sender", 1)]
    );
    let array = format!("[{}]", lines.trim().replace('\n', ","));
    let import = bytes(
        array,
        "-",
        &Options {
            format: Format::Hackernews,
            ..Options::default()
        },
    );
    assert_eq!(import.documents.len(), 2);
}
