use crate::support::{Home, snapshot};

#[test]
fn the_commands_are_listed() {
    let home = Home::new();
    snapshot!(home.run(&["-h"]), @"
    exit: 0
    --- stdout
    Writes the rest of a document in its author's own voice, from what they wrote before

    Usage: idiolect [OPTIONS] <COMMAND>

    Commands:
      demo         See it at work on a bundled author, without any set-up
      import       Add what somebody wrote to the archive
      export       Write the archive as JSON Lines that `import` reads back
      sources      What was imported: list, show, exclude, remove
      authors      List the authors in the archive
      search       Search an author's past
      analyze      Print the terms that search makes of a text
      write        Write the rest of a document in its author's voice
      data         Make training data from an archive
      train        Train a model
      eval         Measure a model and its controls on held-out documents
      prove        Prove it on your own writing: is your past worth anything?
      score        Score predictions against references
      embed        Turn texts into vectors
      models       Models: list, show, add, remove, generate, merge, forward
      doctor       Check folders, permissions, archive and models; safe to paste into a report
      config       Where the configuration is, what it says, what it may say
      completions  Print a shell's completions
      man          Print the manual page
      rebuild      Make everything anew that is derived from the documents: snippets, index, vectors
      purge        Delete the archive and the models that were added
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Global options:
          --archive <DIR>            Folder of the archive [default: $XDG_DATA_HOME/idiolect] [env:
                                     IDIOLECT_ARCHIVE=]
          --model <NAME|DIR>         Model that writes: `builtin`, the name of an added one, or its
                                     folder [default: builtin] [env: IDIOLECT_MODEL=]
          --adapter <DIR>            LoRA adapter for that model, in PEFT's folder format [env:
                                     IDIOLECT_ADAPTER=]
          --encoder <NAME|DIR|none>  Model that compares passages: `builtin`, a folder, or `none`
                                     [default: builtin] [env: IDIOLECT_ENCODER=]
          --json                     Print JSON
      -q, --quiet                    Print no messages
      -v, --verbose...               Print more messages
          --color <WHEN>             When to colour messages [env: IDIOLECT_COLOR=] [default: auto]
                                     [possible values: auto, always, never]
          --threads <N>              Threads to compute with [default: all cores] [env:
                                     IDIOLECT_THREADS=]
          --device <NAME>            Where to compute: `cpu`, or `cuda` or `wgpu` in a build that has it
                                     [env: IDIOLECT_DEVICE=] [default: cpu]
          --weights <KIND>           How weights are kept on the CPU: exactly, in 16 bits, or in 8
                                     [default: in 8 where they are stored so, else exactly] [env:
                                     IDIOLECT_WEIGHTS=] [possible values: f32, bf16, int8]
          --seed <N>                 Seed of everything random [env: IDIOLECT_SEED=] [default: 0]
    ");
    snapshot!(home.run(&["--version"]), @"
    exit: 0
    --- stdout
    idiolect [VERSION]
    ");
}

#[test]
fn every_command_has_help_with_examples() {
    let home = Home::new();
    let list = home.stdout(&["-h"]);
    let commands: Vec<&str> = list
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(commands.len(), 21);
    for command in commands {
        let help = home.stdout(&[command, "--help"]);
        let wanted = if command == "config" {
            "The file is TOML"
        } else {
            "Examples:"
        };
        assert!(help.contains(wanted), "{command}");
    }
}

#[test]
fn completions_and_manual_know_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            home.stdout(&["completions", shell]).contains("search"),
            "{shell}"
        );
    }
    assert!(home.stdout(&["man"]).contains("idiolect\\-write"));
    let json = home.json(&["man", "--json"]);
    assert!(json["text"].as_str().unwrap().contains("idiolect\\-write"));
    assert!(home.stdout(&["man", "write"]).contains("no\\-personalize"));
    snapshot!(home.run(&["man", "wirte"]), @"
    exit: 2
    --- stderr
    error: there is no command `wirte`
    hint: `idiolect --help` lists the commands
    ");
}
