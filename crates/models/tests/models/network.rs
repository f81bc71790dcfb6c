//! The network against `transformers`: see golden/README.md for how the numbers were made.

use crate::common::{T5_FOLDERS, cpu, floats, folder, golden, id_rows, model, near, network};
use burn::tensor::{Int, Tensor, TensorData};
use idiolect_models::{Batch, Seq2Seq, Targets, folder::read_config};
use serde_json::Value;

/// Rounding to six digits in the files, and float32: `float32_error_of_logits` is below 1e-5.
const TOLERANCE: f32 = 5e-6;

fn slices(rows: &[Vec<u32>]) -> Vec<&[u32]> {
    rows.iter().map(Vec::as_slice).collect()
}

fn batch(model: &Seq2Seq, rows: &[Vec<u32>]) -> Batch {
    Batch::new(&slices(rows), model.config(), model.device()).unwrap()
}

fn decoder_input(rows: &[Vec<u32>]) -> Tensor<2, Int> {
    let width = rows.iter().map(Vec::len).max().unwrap();
    let filled: Vec<i32> = rows
        .iter()
        .flat_map(|row| (0..width).map(|i| row.get(i).map_or(0, |&id| id as i32)))
        .collect();
    Tensor::from_data(TensorData::new(filled, [rows.len(), width]), &cpu())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

/// Compares some places of `[rows, width, n]` with what the file lists.
#[track_caller]
fn places_match(tensor: &Tensor<3>, listed: &Value, what: &str) {
    for place in listed.as_array().unwrap() {
        let row = place["row"].as_u64().unwrap() as usize;
        let position = place["position"].as_u64().unwrap() as usize;
        let found = tensor.clone().slice([row..row + 1, position..position + 1]);
        let what = format!("{what}, row {row}, position {position}");
        near(&numbers(found), &floats(&place["values"]), TOLERANCE, &what);
    }
}

#[test]
fn encoder_states() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), golden(name));
        let input = batch(&model, &id_rows(&golden["input_ids"]));
        places_match(&network(name).encode(&input), &golden["encoder"], name);
    }
}

#[test]
fn logits_under_teacher_forcing() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), golden(name));
        let input = batch(&model, &id_rows(&golden["input_ids"]));
        let decoder = decoder_input(&id_rows(&golden["decoder_input_ids"]));
        places_match(
            &network(name).forward(&input, &decoder),
            &golden["logits"],
            name,
        );
    }
}

#[test]
fn logits_on_the_cpu_without_the_tensor_library() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), golden(name));
        let inputs = id_rows(&golden["input_ids"]);
        let decoder = id_rows(&golden["decoder_input_ids"]);
        let found = model.logits(&slices(&inputs), &slices(&decoder)).unwrap();
        for place in golden["logits"].as_array().unwrap() {
            let row = place["row"].as_u64().unwrap() as usize;
            let position = place["position"].as_u64().unwrap() as usize;
            let what = format!("{name}, row {row}, position {position}");
            near(
                &found[row][position],
                &floats(&place["values"]),
                TOLERANCE,
                &what,
            );
        }
    }
}

#[test]
fn log_probabilities_and_loss() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), golden(name));
        let inputs = id_rows(&golden["input_ids"]);
        let labels = id_rows(&golden["labels"]);
        let found = model.log_probs(&inputs, &labels).unwrap();
        for (i, row) in found.iter().enumerate() {
            let expected = floats(&golden["label_log_probs"][i]);
            near(row, &expected, TOLERANCE, &format!("{name}, row {i}"));
        }
        let input = batch(&model, &inputs);
        let targets = Targets::new(&slices(&labels), model.config(), model.device()).unwrap();
        let loss = numbers(network(name).nll(&input, &targets, 0.0).mean());
        near(
            &loss,
            &[golden["loss"].as_f64().unwrap() as f32],
            TOLERANCE,
            name,
        );
    }
}

#[test]
fn a_row_in_a_padded_batch_is_the_row_alone() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), golden(name));
        let inputs = id_rows(&golden["input_ids"]);
        let labels = id_rows(&golden["labels"]);
        let together = model.log_probs(&inputs, &labels).unwrap();
        for i in 0..inputs.len() {
            let alone = model.log_probs(&inputs[i..=i], &labels[i..=i]).unwrap();
            near(
                &alone[0],
                &together[i],
                TOLERANCE,
                &format!("{name}, row {i}"),
            );
        }
    }
}

#[test]
fn cached_steps_give_the_logits_of_the_whole() {
    for name in T5_FOLDERS {
        let (model, golden) = (model(name), golden(name));
        let t5 = network(name);
        let input = batch(&model, &id_rows(&golden["input_ids"]));
        let decoder = decoder_input(&id_rows(&golden["decoder_input_ids"]));
        let [rows, width] = decoder.dims();
        let whole = t5.forward(&input, &decoder);
        let mut cache = t5.start(&t5.encode(&input), &input.mask);
        // A prefix in one step, two tokens in another, then one at a time.
        let mut steps = vec![0..5, 5..7];
        steps.extend((7..width).map(|i| i..i + 1));
        for step in steps {
            let last = step.end - 1;
            let logits = t5.step(decoder.clone().slice([0..rows, step]), &mut cache);
            let expected = numbers(whole.clone().slice([0..rows, last..last + 1]));
            let what = format!("{name}, position {last}");
            near(&numbers(logits), &expected, TOLERANCE, &what);
            assert_eq!(cache.length(), last + 1);
        }
    }
}

#[test]
fn a_cache_follows_chosen_rows() {
    let (model, golden) = (model("mt5"), golden("mt5"));
    let t5 = network("mt5");
    let all = id_rows(&golden["input_ids"]);
    let starts: Vec<Vec<u32>> = id_rows(&golden["decoder_input_ids"])
        .iter()
        .map(|row| row[..5].to_vec())
        .collect();
    // Rows of several inputs, as when some have ended; rows of one input, as in a beam search.
    let several = vec![all[1].clone(), all[2].clone(), all[1].clone()];
    for (inputs, rows, keep) in [
        (several, [2, 1, 1], true),
        (vec![all[1].clone(); 3], [2, 0, 0], false),
    ] {
        let input = batch(&model, &inputs);
        let mut cache = t5.start(&t5.encode(&input), &input.mask);
        t5.step(decoder_input(&starts), &mut cache);
        let places = Tensor::from_data(
            TensorData::new(rows.map(|row| row as i32).to_vec(), [3]),
            &cpu(),
        );
        if keep {
            cache.keep(&places);
        } else {
            cache.reorder(&places);
        }
        let found = t5.step(decoder_input(&vec![vec![9]; 3]), &mut cache);
        let followed = rows.map(|row: usize| [starts[row].as_slice(), &[9]].concat());
        let input = batch(&model, &rows.map(|row| inputs[row].clone()));
        let expected = t5.forward(&input, &decoder_input(&followed));
        let expected = numbers(expected.slice([0..3, 5..6]));
        near(&numbers(found), &expected, TOLERANCE, "chosen rows");
    }
}

#[test]
fn a_config_saved_by_transformers_means_the_same() {
    for name in T5_FOLDERS {
        let ours = read_config(&folder(name)).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        fs_err::copy(
            folder(name).join("config_saved_by_transformers.json"),
            temporary.path().join("config.json"),
        )
        .unwrap();
        let theirs = read_config(temporary.path()).unwrap();
        assert_eq!(ours.scales_outputs(), theirs.scales_outputs(), "{name}");
        assert_eq!(ours.feed_forward(), theirs.feed_forward(), "{name}");
        let sizes = |config: &idiolect_models::Config| {
            (
                [
                    config.vocab_size,
                    config.d_model,
                    config.inner(),
                    config.d_ff,
                ],
                [config.num_layers, config.decoder_layers(), config.num_heads],
                [
                    config.pad_token_id,
                    config.eos_token_id,
                    config.decoder_start_token_id,
                ],
            )
        };
        assert_eq!(sizes(&ours), sizes(&theirs), "{name}");
    }
}
