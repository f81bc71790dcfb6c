//! Decoding against `transformers`, id for id: see golden/README.md for how the ids were made.

use std::ops::ControlFlow;

use crate::common::{
    T5_FOLDERS, cpu, floats, folder, golden, id_rows, ids, json, model, near, network,
};
use idiolect_core::FinishReason;
use idiolect_models::{
    Decoding, EarlyStopping, Generated, Parameters, Precision, Seq2Seq, Stored, Strategy,
    folder::read_config, save,
};
use serde_json::Value;

/// What a setting's name and fields say.
fn decoding(name: &str, setting: &Value, max_tokens: usize) -> Decoding {
    let early_stopping = match &setting["early_stopping"] {
        Value::Bool(true) => EarlyStopping::True,
        Value::String(word) if word == "never" => EarlyStopping::Never,
        _ => EarlyStopping::False,
    };
    let free = name.contains("_free") || name.ends_with("_after_prefix");
    let ngram = [1, 2, 3]
        .into_iter()
        .find(|n| name.contains(&format!("ngram_{n}")));
    Decoding {
        strategy: if name.starts_with("beam4") {
            Strategy::Beam {
                beams: 4,
                length_penalty: setting["length_penalty"].as_f64().unwrap_or(1.0) as f32,
                early_stopping,
            }
        } else {
            Strategy::Greedy
        },
        max_tokens,
        min_tokens: if free { 0 } else { max_tokens },
        no_repeat_ngram: ngram.unwrap_or(0),
        repetition_penalty: if name.contains("penalty_1.3") {
            1.3
        } else {
            1.0
        },
        forbidden: Vec::new(),
        max_copy: 0,
        seed: 0,
    }
}

/// Every setting of a folder with its name, prefix and decoding.
fn settings(golden: &Value) -> Vec<(&String, &Value, Vec<u32>, Decoding)> {
    let max_tokens = golden["max_new_tokens"].as_u64().unwrap() as usize;
    golden["decoding"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, setting)| {
            let prefix = setting.get("prefix").map_or_else(Vec::new, ids);
            (name, setting, prefix, decoding(name, setting, max_tokens))
        })
        .collect()
}

/// Those that a batch can take.
fn settings_without_prefix(golden: &Value) -> impl Iterator<Item = (&String, &Value, Decoding)> {
    let without = settings(golden)
        .into_iter()
        .filter(|(_, _, prefix, _)| prefix.is_empty());
    without.map(|(name, setting, _, decoding)| (name, setting, decoding))
}

#[track_caller]
fn matches(found: &Generated, setting: &Value, row: usize, what: &str) {
    ends_or_not(found, setting, row, &[1], what);
}

#[track_caller]
fn ends_or_not(found: &Generated, setting: &Value, row: usize, ends: &[u32], what: &str) {
    let expected = ids(&setting["ids"][row]);
    let (reason, expected) = match expected.split_last() {
        Some((last, before)) if ends.contains(last) => (FinishReason::Stop, before),
        _ => (FinishReason::Length, expected.as_slice()),
    };
    assert_eq!(found.output_ids, expected, "{what}");
    assert_eq!(found.finish_reason, reason, "{what}");
    assert_eq!(found.log_probs.len(), found.output_ids.len(), "{what}");
    if let Some(log_probs) = setting.get("log_probs") {
        let expected = floats(&log_probs[row]);
        near(
            &found.log_probs,
            &expected[..found.log_probs.len()],
            1e-5,
            what,
        );
    }
    if let Some(scores) = setting.get("scores") {
        near(
            &[found.score.unwrap()],
            &floats(scores)[row..=row],
            1e-5,
            what,
        );
    }
}

#[track_caller]
fn generate(model: &Seq2Seq, input: &[u32], prefix: &[u32], decoding: &Decoding) -> Generated {
    let mut heard = Vec::new();
    let generated = model
        .generate(input, prefix, decoding, &mut |id| {
            heard.push(id);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(heard, generated.output_ids);
    generated
}

/// The CPU's own way, and the tensor library's, which every other device takes.
fn both_ways(name: &str) -> [(&'static str, Seq2Seq); 2] {
    let tensors = Seq2Seq::of_parts(network(name), None, name);
    [("on the CPU", model(name)), ("by tensors", tensors)]
}

/// Where one input ends, the next begins, beside those that go on.
#[test]
fn inputs_join_while_others_are_written_for() {
    for name in T5_FOLDERS {
        let golden = golden(name);
        let inputs = id_rows(&golden["input_ids"]);
        for (way, model) in both_ways(name) {
            for (setting_name, setting, decoding) in settings_without_prefix(&golden) {
                let mut many = (0..7).map(|i| inputs[i % inputs.len()].clone());
                let mut found = vec![None; 7];
                model
                    .generate_each(&mut many, 2, &decoding, &mut |i, one| {
                        found[i] = Some(one);
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                for (i, found) in found.iter().enumerate() {
                    let what = format!("{name} {way}, {setting_name}, input {i} of seven");
                    matches(found.as_ref().unwrap(), setting, i % inputs.len(), &what);
                }
            }
        }
    }
}

#[test]
fn a_break_ends_all_inputs() {
    let input = id_rows(&golden("mt5")["input_ids"]).remove(2);
    for (way, model) in both_ways("mt5") {
        let mut asked = 0;
        let mut inputs = std::iter::repeat_with(|| {
            asked += 1;
            input.clone()
        });
        let mut done = 0;
        model
            .generate_each(
                &mut inputs,
                2,
                &Decoding {
                    max_tokens: 3,
                    ..Decoding::default()
                },
                &mut |_, _| {
                    done += 1;
                    if done == 3 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )
            .unwrap();
        assert_eq!(done, 3, "{way}");
        assert!(asked <= 4, "{way}: {asked}");
    }
}

#[test]
fn one_input_at_a_time() {
    for name in T5_FOLDERS {
        let golden = golden(name);
        let inputs = id_rows(&golden["input_ids"]);
        for (way, model) in both_ways(name) {
            for (setting_name, setting, prefix, decoding) in settings(&golden) {
                for (row, input) in inputs.iter().enumerate() {
                    let found = generate(&model, input, &prefix, &decoding);
                    let what = format!("{name} {way}, {setting_name}, row {row}");
                    matches(&found, setting, row, &what);
                }
            }
        }
    }
}

#[test]
fn a_padded_batch_whose_rows_end_at_different_times() {
    for name in T5_FOLDERS {
        let golden = golden(name);
        let inputs = id_rows(&golden["input_ids"]);
        for (way, model) in both_ways(name) {
            for (setting_name, setting, decoding) in settings_without_prefix(&golden) {
                let found = model.generate_batch(&inputs, &decoding).unwrap();
                assert_eq!(found.len(), inputs.len());
                for (row, found) in found.iter().enumerate() {
                    let what = format!("{name} {way}, {setting_name}, row {row} of a batch");
                    matches(found, setting, row, &what);
                }
            }
        }
    }
}

/// What one entry of decoding.json asks for, and of which model.
fn asked(model: &Seq2Seq, setting: &Value) -> (Seq2Seq, Decoding) {
    let number = |key: &str| setting[key].as_u64().map(|number| number as usize);
    let float = |key: &str| setting[key].as_f64().map(|number| number as f32);
    let early_stopping = match &setting["early_stopping"] {
        Value::Bool(true) => EarlyStopping::True,
        Value::String(word) if word == "never" => EarlyStopping::Never,
        _ => EarlyStopping::False,
    };
    let decoding = Decoding {
        strategy: match number("num_beams") {
            Some(beams) => Strategy::Beam {
                beams,
                length_penalty: float("length_penalty").unwrap_or(1.0),
                early_stopping,
            },
            None => Strategy::Greedy,
        },
        max_tokens: number("max_new_tokens").unwrap(),
        // `min_length` counts the start token.
        min_tokens: number("min_new_tokens").unwrap_or(number("min_length").map_or(0, |n| n - 1)),
        no_repeat_ngram: number("no_repeat_ngram_size").unwrap_or(0),
        repetition_penalty: float("repetition_penalty").unwrap_or(1.0),
        ..Decoding::default()
    };
    let Some(ends) = setting.get("eos_token_id").map(ids) else {
        return (model.clone(), decoding);
    };
    let mut config = model.config().clone();
    config.end_token_ids = ends;
    let weights = parameters(model.name());
    let model = Seq2Seq::of_parameters(&config, &weights, None, "ends", &cpu()).unwrap();
    (model, decoding)
}

fn parameters(name: &str) -> Parameters {
    Stored::load(&folder(name))
        .unwrap()
        .parameters(&cpu())
        .unwrap()
}

#[test]
fn long_texts_several_ends_least_lengths_and_all_rules_at_once() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), json(&format!("{name}/decoding.json")));
        let inputs = id_rows(&golden["input_ids"]);
        for setting in golden["settings"].as_array().unwrap() {
            let (model, decoding) = asked(&model, setting);
            let ends = model.config().end_tokens();
            let together = model.generate_batch(&inputs, &decoding).unwrap();
            for (row, input) in inputs.iter().enumerate() {
                let what = format!("{name}, {decoding:?}, {ends:?}, row {row}");
                let alone = generate(&model, input, &[], &decoding);
                assert_eq!(alone.output_ids, together[row].output_ids, "{what}");
                ends_or_not(&alone, setting, row, &ends, &what);
                ends_or_not(&together[row], setting, row, &ends, &what);
            }
        }
    }
}

#[test]
fn greedy_log_probabilities_are_those_of_teacher_forcing() {
    let model = model("t5-v1.1");
    let input = id_rows(&golden("t5-v1.1")["input_ids"]).remove(1);
    let decoding = Decoding {
        max_tokens: 12,
        min_tokens: 12,
        ..Decoding::default()
    };
    let found = generate(&model, &input, &[], &decoding);
    let forced = model
        .log_probs(&[input], std::slice::from_ref(&found.output_ids))
        .unwrap();
    near(&found.log_probs, &forced[0], 1e-5, "log-probabilities");
}

/// Weights that fit in bf16 are kept in half the memory.
#[test]
fn weights_in_halves_give_the_probabilities_of_teacher_forcing() {
    for name in T5_FOLDERS {
        let file = folder(name).join("model.safetensors");
        let bytes = fs_err::read(&file).unwrap();
        let parameters = Parameters::from_safetensors(&bytes, &file, &cpu()).unwrap();
        let config = read_config(&folder(name)).unwrap();
        let halves = tempfile::tempdir().unwrap();
        save(halves.path(), &config, &parameters, Precision::Bf16, None).unwrap();
        let model = Seq2Seq::load(halves.path(), &cpu()).unwrap();
        let inputs = id_rows(&golden(name)["input_ids"]);
        for strategy in [
            Strategy::Greedy,
            Strategy::Beam {
                beams: 3,
                length_penalty: 1.0,
                early_stopping: EarlyStopping::False,
            },
        ] {
            let decoding = Decoding {
                strategy,
                max_tokens: 20,
                min_tokens: 20,
                ..Decoding::default()
            };
            let found = model.generate_batch(&inputs, &decoding).unwrap();
            let outputs: Vec<Vec<u32>> = found.iter().map(|one| one.output_ids.clone()).collect();
            let forced = model.log_probs(&inputs, &outputs).unwrap();
            for (row, (found, forced)) in found.iter().zip(&forced).enumerate() {
                near(
                    &found.log_probs,
                    forced,
                    1e-5,
                    &format!("{name}, row {row}"),
                );
            }
        }
    }
}

#[test]
fn a_listener_interrupts() {
    let model = model("t5-v1.1");
    let golden = golden("t5-v1.1");
    let input = id_rows(&golden["input_ids"]).remove(0);
    for way in ["greedy_forced", "beam4_forced"] {
        let setting = &golden["decoding"][way];
        let mut left = 3;
        let found = model
            .generate(&input, &[], &decoding(way, setting, 24), &mut |_| {
                left -= 1;
                if left == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
        assert_eq!(found.finish_reason, FinishReason::Interrupted, "{way}");
        assert_eq!(found.output_ids, ids(&setting["ids"][0])[..3], "{way}");
        assert_eq!(found.log_probs.len(), 3, "{way}");
    }
}

#[test]
fn sampling_follows_the_seed_and_the_row() {
    let model = model("tied-gated");
    let inputs = id_rows(&golden("tied-gated")["input_ids"]);
    let decoding = |seed, temperature, top_k| Decoding {
        strategy: Strategy::Sample {
            temperature,
            top_k,
            top_p: 0.95,
        },
        max_tokens: 16,
        min_tokens: 16,
        seed,
        ..Decoding::default()
    };
    let first = generate(&model, &inputs[0], &[], &decoding(5, 1.0, 0));
    assert_eq!(
        first,
        generate(&model, &inputs[0], &[], &decoding(5, 1.0, 0))
    );
    assert_ne!(
        first.output_ids,
        generate(&model, &inputs[0], &[], &decoding(6, 1.0, 0)).output_ids
    );
    let batch = model.generate_batch(&inputs, &decoding(5, 1.0, 0)).unwrap();
    assert_eq!(batch[0].output_ids, first.output_ids);
    let third = generate(&model, &inputs[2], &[], &decoding(7, 1.0, 0));
    assert_eq!(batch[2].output_ids, third.output_ids);
    let greedy = Decoding {
        max_tokens: 16,
        min_tokens: 16,
        ..Decoding::default()
    };
    let greedy = generate(&model, &inputs[0], &[], &greedy).output_ids;
    for cold in [decoding(5, 0.0, 0), decoding(5, 1.0, 1)] {
        assert_eq!(generate(&model, &inputs[0], &[], &cold).output_ids, greedy);
    }
}

#[test]
fn lengths_at_their_limits() {
    let model = model("t5-v1.1");
    let input = [5, 9, 1];
    for strategy in [
        Strategy::Greedy,
        Strategy::Beam {
            beams: 4,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::False,
        },
    ] {
        for max_tokens in [0, 1] {
            let decoding = Decoding {
                strategy: strategy.clone(),
                max_tokens,
                min_tokens: 1,
                ..Decoding::default()
            };
            let found = generate(&model, &input, &[], &decoding);
            assert_eq!(found.output_ids.len(), max_tokens);
            assert_eq!(found.finish_reason, FinishReason::Length);
        }
    }
    assert!(
        model
            .generate_batch::<Vec<u32>>(&[], &Decoding::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn more_beams_than_tokens_to_continue_with() {
    let model = model("deep-encoder");
    let decoding = Decoding {
        strategy: Strategy::Beam {
            beams: 80,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::Never,
        },
        max_tokens: 3,
        ..Decoding::default()
    };
    let narrow = Decoding {
        strategy: Strategy::Beam {
            beams: 2,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::Never,
        },
        ..decoding.clone()
    };
    let wide = generate(&model, &[5, 9, 1], &[], &decoding);
    let narrow = generate(&model, &[5, 9, 1], &[], &narrow);
    assert!(wide.score >= narrow.score);
}

#[test]
fn ids_beyond_the_vocabulary_are_refused() {
    let model = model("t5-v1.1");
    let mut ignore = |_| ControlFlow::Continue(());
    let decoding = Decoding::default();
    for (input, prefix) in [(vec![5, 128], vec![]), (vec![5, 1], vec![128])] {
        let error = model
            .generate(&input, &prefix, &decoding, &mut ignore)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "token 128 lies beyond the vocabulary of 128"
        );
    }
    let error = model
        .generate(Vec::new(), &[], &decoding, &mut ignore)
        .unwrap_err();
    assert_eq!(error.to_string(), "an input has no tokens");
}
