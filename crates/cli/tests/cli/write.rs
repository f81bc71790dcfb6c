use crate::support::{Home, snapshot};

#[test]
fn the_text_begins_with_the_start_and_has_not_the_title() {
    let home = Home::with_letters();
    let arguments = [
        "write",
        "--author",
        "ana",
        "--title",
        "The garden in April",
        "The beans",
        "--max-tokens",
        "12",
    ];
    let text = home.stdout(&arguments);
    assert!(text.starts_with("The beans"), "{text}");
    assert_eq!(text, home.stdout(&arguments));
    let mut only_new = arguments.to_vec();
    only_new.push("--target-only");
    assert_eq!(format!("The beans{}", home.stdout(&only_new)), text);
}

#[test]
fn the_trace_says_what_went_in() {
    let home = Home::with_letters();
    let trace = home.json(&[
        "write",
        "--author",
        "ana",
        "--title",
        "The garden",
        "The blackbird",
        "--before",
        "doc:a4",
        "--max-tokens",
        "8",
        "--repetition-penalty",
        "1.3",
        "--json",
    ]);
    // As short as it was typed, not the f32 in all its digits.
    assert_eq!(trace["decoding"]["repetition_penalty"], 1.3);
    assert_eq!(trace["immediate_context"], "The garden\nThe blackbird");
    let entries = trace["entries"].as_array().unwrap();
    assert!(!entries.is_empty() && entries.iter().all(|entry| entry["document"] != "a4"));
    let past = trace["past_passages"].as_str().unwrap();
    for entry in entries.iter().filter(|entry| entry["kept"] == true) {
        assert!(past.contains(entry["text"].as_str().unwrap().trim()));
    }
    assert!(
        trace["prompt"]
            .as_str()
            .unwrap()
            .contains("passage start: The garden")
    );
    assert!(trace["text"].as_str().unwrap().starts_with("The blackbird"));
    let keys: Vec<&str> = trace
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    snapshot!(keys.join(" "), @"request immediate_context entries past_passages summary keywords prompt model encoder decoding seed text finish_reason tokens timings_ms version");
}

#[test]
fn explain_prints_the_prompt_and_writes_nothing() {
    let home = Home::with_letters();
    let shown = home.run(&[
        "write",
        "--author",
        "ana",
        "--explain",
        "--summary",
        "none",
        "--keywords",
        "none",
        "--ranking",
        "recent",
        "The beans",
    ]);
    snapshot!(shown, @"
    exit: 0
    --- stdout
    Finish the passage in the user voice passage start: The beans past passages: The garden again
    Digging again. The garden has forgotten everything I taught it last year, but the blackbird remembers me. Beans on Saturday if the rain stops.

    A bridge
    We walked to the old bridge and back, nine miles, with bread and cheese. The river was low and brown and the bridge stood there like a cow.

    Beans
    The beans are up, all but the row by the gate. Rain again this morning. The blackbird has three young ones and no manners at all.

    The garden
    The garden is full of rain. I planted beans along the wall and the blackbird watched me do it. Nothing is up yet, but the beans will come.
    ");
}

#[test]
fn without_a_past_no_archive_is_needed() {
    let home = Home::new();
    let output = home
        .command(&["write", "--no-personalize", "--max-tokens", "4"])
        .write_stdin("It was\n")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"It was"));
    assert!(output.stderr.is_empty());
}

#[test]
fn sources_are_shown_on_stderr() {
    let home = Home::with_letters();
    let output = home
        .command(&[
            "write",
            "--author",
            "ben",
            "--show-sources",
            "--max-tokens",
            "3",
        ])
        .args(["--summary", "none", "--keywords", "none", "The roof"])
        .output()
        .unwrap();
    snapshot!(String::from_utf8(output.stderr).unwrap().trim(), @"
    Past passages given to the model
    1. Roof  ben-3, score 0.0859, given whole
       Roof The roof is mended. The committee thanks everybody who held a ladder.
    2. Minutes  ben-1, score 0.0633, given whole
       Minutes The committee met at seven. The roof of the hall was discussed, and then it was discussed again.
    3. (no title)  ben-2, score 0.0561, given whole
       The roof fund stands at four hundred pounds. Somebody must ask the bank about the rest of it.
    ");
}

#[test]
fn a_draft_can_come_from_a_file() {
    let home = Home::with_letters();
    home.file("draft.txt", "The committee\n");
    let arguments = [
        "write",
        "--author",
        "ben",
        "--file",
        "draft.txt",
        "--max-tokens",
        "4",
    ];
    assert!(home.stdout(&arguments).starts_with("The committee"));
}

#[test]
fn the_demo_shows_the_past_and_ends_with_three_commands() {
    let home = Home::new();
    let text = home.stdout(&["demo"]);
    for heading in [
        "The draft so far",
        "Past passages given to the model",
        "Summary",
        "Key words",
        "What idiolect writes, given this past",
        "The same without the past",
        "What the author wrote",
    ] {
        assert!(text.contains(heading), "{heading}");
    }
    let commands = text
        .lines()
        .rev()
        .take(3)
        .filter(|line| line.starts_with("  idiolect "))
        .count();
    assert_eq!(commands, 3);
    assert!(!home.path().join(".local/share/idiolect").exists());
    let traces = home.json(&["demo", "--author", "summers", "--json"]);
    assert_eq!(traces["author"], "Ed Summers");
    assert!(
        traces["with_past"]["entries"]
            .as_array()
            .is_some_and(|entries| !entries.is_empty())
    );
    assert_eq!(traces["without_past"]["past_passages"], "");
}
