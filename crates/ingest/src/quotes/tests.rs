use super::*;

fn words(body: &str) -> String {
    own_words(body).text
}

#[test]
fn marked_lines_are_left_out_and_answers_between_them_stay() {
    let body = "Hello Ben,\n\nOn Mon, 5 Jan 2004, Ben <ben@example.org> wrote:\n> Shall we sail?\n>\n\
                Gladly.\n> On Sunday?\n\nOn Saturday rather.\nAna\n";
    assert_eq!(
        words(body),
        "Hello Ben,\n\nGladly.\n\nOn Saturday rather.\nAna"
    );
    assert_eq!(words("BK> Shall we?\nYes.\n> > old\n"), "Yes.");
}

#[test]
fn an_attribution_is_known_in_many_languages() {
    for attribution in [
        "On Mon, Jan 5, 2004 at 10:30 AM, Ben Example <ben@example.org> wrote:",
        "On 5 January 2004, Ben wrote:",
        "At 10:30 05/01/2004, Ben wrote:",
        "In article <x@example.org>, ben@example.org writes:",
        "Ben Example <ben@example.org> wrote:",
        "Am 05.01.2004 um 10:30 schrieb Ben Example:",
        "Am Mo., 5. Jan. 2004 um 10:30 Uhr schrieb Ben <ben@example.org>:",
        "Le lun. 5 janv. 2004 à 10:30, Ben <ben@example.org> a écrit :",
        "El lun, 5 ene 2004 a las 10:30, Ben (<ben@example.org>) escribió:",
        "Il giorno lun 5 gen 2004 alle ore 10:30 Ben <ben@example.org> ha scritto:",
        "Em seg., 5 de jan. de 2004 às 10:30, Ben <ben@example.org> escreveu:",
        "Op ma 5 jan. 2004 om 10:30 schreef Ben <ben@example.org>:",
        "Den mån 5 jan. 2004 kl 10:30 skrev Ben <ben@example.org>:",
        "W dniu 5.01.2004 o 10:30, Ben pisze:",
        "пн, 5 янв. 2004 г. в 10:30, Ben <ben@example.org>:\nBen <ben@example.org> пишет:",
        "2004年1月5日 10:30，Ben <ben@example.org> 写道：",
    ] {
        let last = attribution.lines().last().unwrap();
        // Before marked lines, and before a quote that is not marked at all.
        assert_eq!(
            words(&format!("Yes.\n\n{last}\n> Shall we?\n")),
            "Yes.",
            "{last}"
        );
        assert_eq!(
            words(&format!("Yes.\n\n{last}\n\nShall we?\n")),
            "Yes.",
            "{last}"
        );
        assert_eq!(
            words(&format!("Yes.\n{last}\n> Shall we?\nGood.")),
            "Yes.\n\nGood.",
            "{last}"
        );
    }
}

#[test]
fn an_attribution_may_go_over_several_lines() {
    let body = "Yes.\nOn Mon, Jan 5, 2004 at 10:30 AM, Ben Example\n<ben@example.org>\nwrote:\n\n> Shall we?\n";
    assert_eq!(words(body), "Yes.");
    let body = "On Friday we sail\nOn Mon, Jan 5, 2004, Ben Example\n<ben@example.org> wrote:\n> Shall we?\n";
    assert_eq!(words(body), "On Friday we sail");
    let body = "Yes.\n\nBen Example <ben@example.org>\nwrote:\n> Shall we?\n";
    assert_eq!(words(body), "Yes.");
    let body = "Yes.\n\n2004/1/5 Ben <ben@example.org>\n\n> Shall we?\n";
    assert_eq!(words(body), "Yes.");
}

#[test]
fn a_sentence_that_ends_in_wrote_stays() {
    let body = "My mother wrote:\nthe boat is blue.\n\nSo it is.";
    assert_eq!(words(body), body);
    let body = "On the last page he wrote:\n\nthe boat is blue.";
    assert_eq!(words(body), body);
    assert_eq!(words("Ben wrote:\n> Shall we?\nYes."), "Yes.");
}

#[test]
fn the_head_of_a_quoted_mail_ends_the_authors_words() {
    for head in [
        "-----Original Message-----\nFrom: Ben\nSent: Monday\nTo: Ana\nSubject: Boat\n\nShall we?",
        "From: Ben Example\nSent: Monday, January 5, 2004\nTo: Ana\nSubject: Boat\n\nShall we?",
        "*From:* Ben\n*Date:* Monday\n*Subject:* Boat\n\nShall we?",
        "________________________________\nFrom: Ben\nSent: Monday\nTo: Ana\nSubject: Boat\n\nShall we?",
        "________________________________\n\n From: Ben\n Sent: Monday\n To: Ana\n\nShall we?",
        "Von: Ben\nGesendet: Montag, 5. Januar 2004\nAn: Ana\nBetreff: Boot\n\nWollen wir?",
        "De : Ben\nEnvoyé : lundi 5 janvier 2004\nÀ : Ana\nObjet : Bateau\n\nOn y va ?",
        "----- Ursprüngliche Nachricht -----\nVon: Ben\n\nWollen wir?",
        "-------- Message d'origine --------\nDe : Ben\n\nOn y va ?",
        "Ben Example\n-----Original Message-----\nShall we?",
    ] {
        let own = own_words(&format!("Gladly.\n\n{head}\n"));
        let signed = if head.starts_with("Ben") {
            "\n\nBen Example"
        } else {
            ""
        };
        assert_eq!(own.text, format!("Gladly.{signed}"), "{head}");
        assert!(!own.has_forward, "{head}");
    }
    assert_eq!(
        words("-----Original Message-----\nFrom: Ben\nSubject: Boat\n\n> Shall we?\n\nGladly."),
        "Gladly."
    );
    let timetable = "Date: 5 May\nFrom: 10:00\nTo: 12:00\n\nBring bread.";
    assert_eq!(words(timetable), timetable);
}

#[test]
fn a_forward_is_left_out_and_told() {
    for marker in [
        "---------- Forwarded message ---------",
        "---------- Forwarded message ----------",
        "-------- Forwarded Message --------",
        "----- Forwarded by Ben/Harbour on 01/05/2004 10:30 AM -----",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Message transféré ----------",
        "---------- Mensaje reenviado ----------",
    ] {
        let rest = "\nFrom: Ben\nDate: Monday\nSubject: Boat\n\nShall we?\n";
        assert_eq!(
            own_words(&format!("{marker}{rest}")),
            OwnWords {
                text: String::new(),
                has_forward: true
            },
            "{marker}"
        );
        assert_eq!(
            own_words(&format!("See below.\n\n{marker}{rest}")),
            OwnWords {
                text: "See below.".to_owned(),
                has_forward: true
            },
            "{marker}"
        );
    }
    let prose = "-- forwarded by nobody\nI forwarded message after message:\nnone came back.";
    assert!(!own_words("I forwarded message after message:\nnone came back.").has_forward);
    assert!(own_words(prose).has_forward, "Lotus Notes writes like this");
}

#[test]
fn signatures_end_the_authors_words() {
    assert_eq!(
        words("Yes.\n\nAna\n-- \nAna Example\nHarbour 1\n"),
        "Yes.\n\nAna"
    );
    assert_eq!(words("Yes.\r\n-- \r\nAna Example\r\n"), "Yes.");
    assert_eq!(words("Yes.\n--\nAna Example\nHarbour 1\n"), "Yes.");
    let separated = format!("One.\n--\n{}", "A line.\n".repeat(SIGNATURE_LINES + 1));
    assert_eq!(words(&separated), separated.trim());
    assert_eq!(
        words("Yes.\n--\nAna\n\n> 1\n> 2\n> 3\n> 4\n> 5\n> 6\n> 7\n> 8\n> 9\n> 10\n> 11\n"),
        "Yes."
    );
}

#[test]
fn telephones_and_lists_have_no_say() {
    for footer in [
        "Sent from my iPhone",
        "Sent from my BlackBerry 10 smartphone.",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Get Outlook for iOS<https://example.org/>",
    ] {
        assert_eq!(words(&format!("Yes.\n\n{footer}\n")), "Yes.", "{footer}");
        assert_eq!(
            words(&format!("Yes.\n\n{footer}\n\n> Shall we?\n")),
            "Yes.",
            "{footer}"
        );
    }
    let prose = "The card was\nsent from my village\nlast year.";
    assert_eq!(words(prose), prose);
    for footer in [
        "_______________________________________________\nBoats mailing list\nBoats@example.org",
        "--~--~---------~--~----~------------~-------~--~----~\nYou received this message",
        "You received this message because you are subscribed to the Google Groups \"boats\" group.\nx",
        "To unsubscribe from this list: send a mail",
    ] {
        assert_eq!(words(&format!("Yes.\n\n{footer}\n")), "Yes.", "{footer}");
    }
    let divided = "One.\n\n____________________\n\nTwo.";
    assert_eq!(words(divided), divided);
}

#[test]
fn nothing_left_is_nothing() {
    for body in ["", "\n \n", "> a\n> b", "-- \nAna"] {
        assert_eq!(
            own_words(body),
            OwnWords {
                text: String::new(),
                has_forward: false
            }
        );
    }
}
