// check_contract.c: small models, and one mistake after another in their config.json, tensors and files: a row for each
// rule of the model contract. Every error names the file and the key or tensor, what was expected and what was found.
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "grus.h"
#include "tests/unit/contract_models.h"

// ---- the mistakes ----

static const contract_mistake mistakes[] = {
    // the top level
    {ENCODER, "model_type", NULL, NULL, "expected one of encoder, seq2seq", "is missing"},
    {ENCODER, "model_type", "\"gpt\"", NULL, "expected one of encoder, seq2seq", "found \"gpt\""},
    {ENCODER, "model_type", "3", NULL, "expected one of encoder, seq2seq", "found 3"},
    {ENCODER, "colour", "1", NULL, "known here are model_type, source, front, encoder, pooling, heads", "unknown key"},
    {ENCODER, "decoder", "{}", NULL, "the model_type is \"encoder\"; expected no such key", "found an object"},
    {ENCODER, "attention", "{}", NULL, "the model_type is \"encoder\"; expected no such key", "found an object"},
    {ENCODER, "generation", "{}", NULL, "the model_type is \"encoder\"; expected no such key", "found an object"},
    {SEQ2SEQ, "pooling", "{}", NULL, "the model_type is \"seq2seq\"; expected no such key", "found an object"},
    {SEQ2SEQ, "heads", "[]", NULL, "the model_type is \"seq2seq\"; expected no such key", "found a list"},
    // source
    {ENCODER, "source", NULL, NULL, "expected an object", "is missing"},
    {ENCODER, "source", "[]", NULL, "expected an object", "found a list"},
    {ENCODER, "source.dim", "3", NULL, "known here are input, tokenizer, embedding_dim, feature_dim", "unknown key"},
    {ENCODER, "source.input", "\"audio\"", NULL, "one of tokens, features", "found \"audio\""},
    {ENCODER, "source.feature_dim", "3", NULL, "expected no such key", "found 3"},
    {ENCODER, "source.embedding_dim", NULL, NULL, "expected an integer from 1 to 16777216", "is missing"},
    {ENCODER, "source.embedding_dim", "0", NULL, "from 1 to 16777216", "found 0"},
    {ENCODER, "source.embedding_dim", "-1", NULL, "from 1 to 16777216", "found -1"},
    {ENCODER, "source.embedding_dim", "16777217", NULL, "from 1 to 16777216", "found 16777217"},
    {ENCODER, "source.embedding_dim", "4.0", NULL, "an integer", "found 4.0"},
    {ENCODER, "source.embedding_dim", "\"4\"", NULL, "an integer", "found \"4\""},
    {FEATURES, "source.feature_dim", NULL, NULL, "an integer from 1", "is missing"},
    {FEATURES, "source.embedding_dim", "3", NULL, "expected no such key", "found 3"},
    {FEATURES, "source.tokenizer", "{}", NULL, "the input is \"features\"", "found an object"},
    {ENCODER, "source.tokenizer.type", "\"words\"", NULL, "one of char, whitespace, bpe, sentencepiece, ids",
     "found \"words\""},
    {ENCODER, "source.tokenizer.size", "1", NULL, "known here are type, vocab, codes, model, lowercase, bos, eos",
     "unknown key"},
    {ENCODER, "source.tokenizer.vocab", NULL, NULL, "expected a string", "is missing"},
    {ENCODER, "source.tokenizer.codes", "\"c\"", NULL, "a tokenizer of type \"char\" uses none", "found \"c\""},
    {ENCODER, "source.tokenizer.model", "\"m\"", NULL, "a tokenizer of type \"char\" uses none", "found \"m\""},
    {ENCODER, "source.tokenizer.type", "\"bpe\"", "source.tokenizer.codes", "expected a string", "is missing"},
    {ENCODER, "source.tokenizer.type", "\"sentencepiece\"", "source.tokenizer.vocab", "uses none", "found \"a.vocab\""},
    {IDS, "source.tokenizer.type", "\"sentencepiece\"", "source.tokenizer.model", "expected a string", "is missing"},
    {IDS, "source.tokenizer.lowercase", "true", NULL, "expected false", "found true"},
    {ENCODER, "source.tokenizer.lowercase", "1", NULL, "expected true or false", "found 1"},
    {ENCODER, "source.tokenizer.lowercase", "null", NULL, "expected true or false", "found null"},
    {ENCODER, "source.tokenizer.bos", "1", NULL, "a string or null", "found 1"},
    {ENCODER, "source.tokenizer.vocab", "\"/etc/passwd\"", NULL, "inside the model directory", "found \"/etc/passwd\""},
    {ENCODER, "source.tokenizer.vocab", "\"../a.vocab\"", NULL, "inside the model directory", "found \"../a.vocab\""},
    {ENCODER, "source.tokenizer.vocab", "\"x/../../v\"", NULL, "inside the model directory", "found \"x/../../v\""},
    {ENCODER, "source.tokenizer.vocab", "\"x/..\"", NULL, "inside the model directory", "found \"x/..\""},
    {ENCODER, "source.tokenizer.vocab", "\"\"", NULL, "inside the model directory", "found \"\""},
    // front
    {FRONTED, "front", "{}", NULL, "expected a list", "found an object"},
    {FRONTED, "front.1", "3", NULL, "expected an object", "found 3"},
    {FRONTED, "front.0.type", NULL, NULL, "expected one of conv1d, linear, max_pool", "is missing"},
    {FRONTED, "front.0.type", "\"conv2d\"", NULL, "expected one of conv1d, linear, max_pool", "found \"conv2d\""},
    {FRONTED, "front.0.groups", "2", NULL, "known here are type, channels, size, kernel, stride", "unknown key"},
    {FRONTED, "front.0.channels", NULL, NULL, "an integer from 1 to 16777216", "is missing"},
    {FRONTED, "front.0.kernel", NULL, NULL, "an integer from 1 to 65536", "is missing"},
    {FRONTED, "front.0.kernel", "0", NULL, "an integer from 1 to 65536", "found 0"},
    {FRONTED, "front.0.stride", "0", NULL, "an integer from 1 to 65536", "found 0"},
    {FRONTED, "front.0.stride", "[2]", NULL, "an integer from 1 to 65536", "found a list"},
    {FRONTED, "front.0.dilation", "0", NULL, "an integer from 1 to 65536", "found 0"},
    {FRONTED, "front.0.padding", "5", NULL, "expected at most 4, dilation * (kernel - 1)", "found 5"},
    {FRONTED, "front.0.padding", "\"same\"", NULL, "an integer from 0", "found \"same\""},
    {FRONTED, "front.0.size", "5", NULL, "a \"conv1d\" has \"channels\"; expected no such key", "found 5"},
    {FRONTED, "front.0.activation", "\"gelu\"", NULL, "one of none, tanh, relu, sigmoid, silu", "found \"gelu\""},
    {FRONTED, "front.0.kernel", "1", "front.0.padding", "expected at most 0, dilation * (kernel - 1)", "found 2"},
    {FRONTED, "front.0",
     "{\"type\": \"conv1d\", \"channels\": 5, \"kernel\": 65536, \"dilation\": 64, \"padding\": 4194240}",
     "front.0.padding", "expected at most 1048576", "longer by 4194240 positions"},
    {FRONTED, "front.0",
     "{\"type\": \"conv1d\", \"channels\": 5, \"kernel\": 65536, \"dilation\": 64, \"padding\": 4194240, \"stride\": "
     "3}",
     "front.0.padding", "expected at most 1048576", "longer by 1398080 positions"},
    {FRONTED, "front.1.size", NULL, NULL, "an integer from 1 to 65536", "is missing"},
    {FRONTED, "front.1.padding", "2", NULL, "expected at most 1, half of size", "found 2"},
    {FRONTED, "front.1.dilation", "2", NULL, "is not of a \"max_pool\": expected 1 or no such key", "found 2"},
    {FRONTED, "front.1.activation", "\"relu\"", NULL, "is not of a \"max_pool\": expected \"none\"", "found \"relu\""},
    {FRONTED, "front.1.kernel", "2", NULL, "a \"max_pool\" has \"size\"; expected no such key", "found 2"},
    {FRONTED, "front.1.channels", "5", NULL, "gives as many values as it reads; expected no such key", "found 5"},
    {FRONTED, "front.2.size", "0", NULL, "an integer from 1 to 16777216", "found 0"},
    {FRONTED, "front.2.kernel", "1", NULL, "a \"linear\" reads one position; expected no such key", "found 1"},
    {FRONTED, "front.2.channels", "4", NULL, "a \"linear\" has \"size\"; expected no such key", "found 4"},
    {FRONTED, "front.2.stride", "2", NULL, "is not of a \"linear\": expected 1 or no such key", "found 2"},
    {FRONTED, "front.2.padding", "1", NULL, "is not of a \"linear\": expected 0 or no such key", "found 1"},
    {FRONTED, "front.0.channels", "6", "front.0.weight", "expected the shape [6, 2, 3]", "found [5, 2, 3]"},
    {FRONTED, "front.2.size", "5", "front.2.weight", "expected the shape [5, 5]", "found [4, 5]"},
    {FRONTED, "front", NULL, "encoder.rnn.weight_ih_l0", "expected the shape [9, 2]", "found [9, 4]"},
    {FRONTED, "tensor front.0.weight", NULL, NULL, "expected the shape [5, 2, 3]", "no such tensor"},
    {FRONTED, "tensor front.0.weight", "F32 [5, 6]", NULL, "expected the shape [5, 2, 3]", "found [5, 6]"},
    {FRONTED, "tensor front.0.weight", "F32 [5, 3, 2]", NULL, "expected the shape [5, 2, 3]", "found [5, 3, 2]"},
    {FRONTED, "tensor front.0.weight", "F64 [5, 2, 3]", NULL, "F32, F16, BF16 or I8", "found F64"},
    {FRONTED, "tensor front.0.weight", "I8 [5, 2, 3]", "front.0.weight_scale", "expected the shape [5]",
     "no such tensor"},
    {FRONTED, "tensor front.0.weight", "I8 [5, 2, 3]; F32 [5, 2]", "front.0.weight_scale", "expected the shape [5]",
     "found [5, 2]"},
    {FRONTED, "tensor front.0.bias", "F32 [4]", NULL, "expected the shape [5]", "found [4]"},
    {FRONTED, "tensor front.2.weight", "F32 [4, 5, 1]", NULL, "expected the shape [4, 5]", "found [4, 5, 1]"},
    {FRONTED, "tensor front.1.weight", "F32 [4, 5]", "front.1.weight", "the configuration does not use", "this tensor"},
    // encoder
    {ENCODER, "encoder", NULL, NULL, "expected an object", "is missing"},
    {ENCODER, "encoder.hidden_size", NULL, NULL, "an integer from 1", "is missing"},
    {ENCODER, "encoder.num_layers", "0", NULL, "from 1 to 1024", "found 0"},
    {ENCODER, "encoder.bidirectional", "\"yes\"", NULL, "true or false", "found \"yes\""},
    {ENCODER, "encoder.direction", "\"left\"", NULL, "expected one of forward, backward, both", "found \"left\""},
    {ENCODER, "encoder.direction", "true", NULL, "expected one of forward, backward, both", "found true"},
    {ENCODER, "encoder.direction", "[\"both\", \"both\"]", NULL, "expected a list of 1", "found one of 2"},
    {ENCODER, "encoder.direction", "[]", NULL, "expected a list of 1", "found one of 0"},
    {ENCODER, "encoder.direction", "[3]", NULL, "nothing else in it than forward, backward, both", "found 3 in it"},
    {SEQ2SEQ, "encoder.direction", "[\"both\", \"both\"]", "encoder.bidirectional", "expected no such key",
     "found true"},
    {SEQ2SEQ, "encoder.direction", "\"forward\"", "encoder.bidirectional", "expected no such key", "found true"},
    {SEQ2SEQ, "decoder.direction", "\"backward\"", NULL, "known here are vocab, tokenizer", "unknown key"},
    {ENCODER, "encoder.initial_state", "\"ones\"", NULL, "expected one of zeros, learned", "found \"ones\""},
    {ENCODER, "encoder.initial_state", "null", NULL, "expected one of zeros, learned", "found null"},
    {SEQ2SEQ, "decoder.initial_state", "\"learned\"", NULL, "known here are vocab, tokenizer", "unknown key"},
    {ENCODER, "encoder.initial_state", "\"learned\"", NULL, "expected the shape [1, 3]", "no such tensor"},
    {SEQ2SEQ, "encoder.initial_state", "\"learned\"", NULL, "expected the shape [4, 3]", "no such tensor"},
    {LEARNED, "tensor encoder.initial_state", "F32 [3, 3]", NULL, "expected the shape [2, 3]", "found [3, 3]"},
    {LEARNED, "tensor encoder.initial_cell", "F32 [6]", NULL, "expected the shape [2, 3]", "found [6]"},
    {LEARNED, "tensor encoder.initial_cell", NULL, NULL, "expected the shape [2, 3]", "no such tensor"},
    {LEARNED, "encoder.cell", "\"gru\"", "encoder.rnn.weight_ih_l0", "expected the shape [9, 4]", "found [12, 4]"},
    {LEARNED, "encoder.initial_state", "\"zeros\"", "encoder.initial_state", "the configuration does not use",
     "this tensor"},
    {ENCODER, "encoder.dropout", "0.5", NULL, "known here are hidden_size, num_layers, bidirectional", "unknown key"},
    {ENCODER, "encoder.cell", "\"rnn\"", NULL, "expected one of gru, lstm", "found \"rnn\""},
    {LSTM, "encoder.reset", "\"before\"", NULL, "is not of an \"lstm\": expected \"after\"", "found \"before\""},
    {LSTM, "encoder.gate_activation", "\"hard_sigmoid\"", NULL, "is not of an \"lstm\": expected \"sigmoid\"",
     "found \"hard_sigmoid\""},
    {LSTM, "encoder.activation", "\"none\"", NULL, "is not of an \"lstm\": expected \"tanh\"", "found \"none\""},
    {LSTM, "decoder.reset", "\"before\"", NULL, "is not of an \"lstm\": expected \"after\"", "found \"before\""},
    {LSTM, "decoder.gate_activation", "\"hard_sigmoid\"", NULL, "is not of an \"lstm\": expected \"sigmoid\"",
     "found \"hard_sigmoid\""},
    {SEQ2SEQ, "decoder.conditional", "1", NULL, "expected true or false", "found 1"},
    {SEQ2SEQ, "encoder.conditional", "true", NULL, "known here are hidden_size", "unknown key"},
    {SEQ2SEQ, "decoder.conditional", "true", "decoder.attention.query", "expected \"state\"",
     "found \"previous_state\""},
    {CONDITIONAL, "decoder.num_layers", "2", NULL, "of a conditional decoder: expected 1", "found 2"},
    {CONDITIONAL, "decoder.cell", "\"lstm\"", NULL, "of a conditional decoder: expected \"gru\"", "found \"lstm\""},
    {CONDITIONAL, "decoder.attention", "{\"query\": \"embedding\"}", "decoder.attention.query",
     "of a conditional decoder is its state: expected \"state\"", "found \"embedding\""},
    {CONDITIONAL, "decoder.attention", "{\"query\": \"previous_state\"}", "decoder.attention.query",
     "expected \"state\"", "found \"previous_state\""},
    {CONDITIONAL, "decoder.input", "[\"embedding\", \"context\"]", NULL,
     "has no context, which its second cell reads: expected \"embedding\" and \"readout\"", "found \"context\""},
    {CONDITIONAL, "attention", NULL, NULL, "a conditional decoder needs it", "is missing"},
    {CONDITIONAL, "tensor decoder.rnn2.weight_ih_l0", NULL, NULL, "expected the shape [12, 3]", "no such tensor"},
    {CONDITIONAL, "tensor decoder.rnn2.weight_ih_l0", "F32 [12, 4]", NULL, "expected the shape [12, 3]",
     "found [12, 4]"},
    {CONDITIONAL, "tensor decoder.rnn2.weight_hh_l0", "F32 [12, 3]", NULL, "expected the shape [12, 4]",
     "found [12, 3]"},
    {CONDITIONAL, "tensor decoder.rnn2.bias_ih_l0", NULL, NULL, "expected the shape [12]", "no such tensor"},
    {CONDITIONAL, "tensor decoder.rnn2.bias_hh_l0", "F32 [4]", NULL, "expected the shape [12]", "found [4]"},
    {CONDITIONAL, "decoder.conditional", "false", "decoder.attention", "needs it at the top level", "is missing"},
    {LSTM, "decoder.activation", "\"relu\"", NULL, "is not of an \"lstm\": expected \"tanh\"", "found \"relu\""},
    {LSTM, "encoder.cell", "\"gru\"", "encoder.rnn.weight_ih_l0", "expected the shape [9, 4]", "found [12, 4]"},
    {LSTM, "decoder.cell", NULL, "decoder.rnn.weight_ih_l0", "expected the shape [9, 7]", "found [12, 7]"},
    {LSTM, "tensor encoder.rnn.weight_hh_l0", "F32 [9, 3]", NULL, "expected the shape [12, 3]", "found [9, 3]"},
    {LSTM, "tensor encoder.rnn.bias_ih_l0", "F32 [9]", NULL, "expected the shape [12]", "found [9]"},
    {LSTM, "tensor encoder.rnn.bias_hh_l0", NULL, NULL, "expected the shape [12]", "no such tensor"},
    {LSTM, "tensor decoder.rnn.weight_hh_l0", NULL, NULL, "expected the shape [12, 3]", "no such tensor"},
    {ENCODER, "encoder.reset", "\"never\"", NULL, "expected one of after, before", "found \"never\""},
    {ENCODER, "encoder.gate_activation", "\"tanh\"", NULL, "one of sigmoid, hard_sigmoid", "found \"tanh\""},
    {ENCODER, "encoder.activation", "1", NULL, "one of tanh, relu, none", "found 1"},
    {SEQ2SEQ, "decoder.reset", "true", NULL, "expected one of after, before", "found true"},
    {SEQ2SEQ, "decoder.gate_activation", "\"hard\"", NULL, "one of sigmoid, hard_sigmoid", "found \"hard\""},
    {SEQ2SEQ, "decoder.activation", "\"sigmoid\"", NULL, "one of tanh, relu, none", "found \"sigmoid\""},
    // attention and pooling
    {ENCODER, "pooling.type", "\"sum\"", NULL, "one of attention, mean, max, last", "found \"sum\""},
    {ENCODER, "pooling.type", "\"mean\"", "pooling.score", "only the type \"attention\" has it", "found \"additive\""},
    {ENCODER, "pooling.score", NULL, NULL, "one of dot, scaled_dot, cosine, euclidean, general, additive",
     "is missing"},
    {ENCODER, "pooling.score", "\"dot\"", "pooling.size", "only the score \"additive\" and attention with", "found 2"},
    {ENCODER, "pooling.heads", "2", NULL, "only the score \"scaled_dot\" has heads", "found \"additive\""},
    {ENCODER, "pooling.context_dim", "2", NULL, "only attention with \"heads\" has it", "found 2"},
    {HEADS, "attention.heads", "0", NULL, "an integer from 1", "found 0"},
    {HEADS, "attention.heads", "4", "attention.size", "expected a multiple of 4", "found 6"},
    {HEADS, "attention.heads", "\"3\"", NULL, "an integer from 1", "found \"3\""},
    {HEADS, "attention.size", NULL, NULL, "an integer from 1", "is missing"},
    {HEADS, "attention.context_dim", "0", NULL, "an integer from 1", "found 0"},
    {HEADS, "attention.score", "\"dot\"", "attention.heads", "only the score \"scaled_dot\" has heads",
     "found \"dot\""},
    {HEADS, "attention.heads", NULL, "attention.context_dim", "only attention with \"heads\" has it", "found 5"},
    {HEADS, "attention.context_dim", "4", "decoder.rnn.weight_ih_l0", "expected the shape [6, 8]", "found [6, 9]"},
    {HEADS, "attention.size", "9", "attention.query.weight", "expected the shape [9, 2]", "found [6, 2]"},
    {HEADS, "tensor attention.key.weight", "F32 [6, 2]", NULL, "expected the shape [6, 3]", "found [6, 2]"},
    {HEADS, "tensor attention.value.weight", NULL, NULL, "expected the shape [6, 3]", "no such tensor"},
    {HEADS, "tensor attention.output.weight", "F32 [6, 5]", NULL, "expected the shape [5, 6]", "found [6, 5]"},
    {HEADS, "tensor attention.output.bias", "F32 [6]", NULL, "expected the shape [5]", "found [6]"},
    {ENCODER, "pooling.size", NULL, NULL, "an integer from 1", "is missing"},
    {ENCODER, "pooling.temperature", "0", NULL, "a finite number above 0", "found 0"},
    {ENCODER, "pooling.temperature", "-1.5", NULL, "a finite number above 0", "found -1.5"},
    {ENCODER, "pooling.temperature", "\"1\"", NULL, "expected a number", "found \"1\""},
    {ENCODER, "pooling.query", NULL, NULL, "one of last_hidden, learned", "is missing"},
    {ENCODER, "pooling.query", "\"state\"", NULL, "one of last_hidden, learned", "found \"state\""},
    {ENCODER, "pooling.normalize", "0", NULL, "true or false", "found 0"},
    {ENCODER, "pooling.normalise", "true", NULL, "known here are type, score, size", "unknown key"},
    {SEQ2SEQ, "attention", NULL, NULL, "at the top level and in \"decoder\", one without in neither", "is missing"},
    {SEQ2SEQ, "attention", "[]", NULL, "expected an object", "found a list"},
    {SEQ2SEQ, "attention.score", "\"dots\"", NULL, "one of dot, scaled_dot", "found \"dots\""},
    {SEQ2SEQ, "attention.score", "\"additive\"", "attention.size", "an integer from 1", "is missing"},
    {SEQ2SEQ, "attention.query", "\"state\"", NULL, "known here are score, size, temperature", "unknown key"},
    // heads
    {ENCODER, "pooling", NULL, "heads.intent", "reads the pooled vector", "the model has no \"pooling\""},
    {IDS, "heads.slots.inputs", "[\"state\", \"pooled\"]", "heads.slots", "reads the pooled vector", "no \"pooling\""},
    {IDS, "heads", NULL, "pooling", "only a model whose heads are all on tokens can do without", "is missing"},
    {IDS, "heads", "{}", "pooling", "only a model whose heads are all on tokens can do without", "is missing"},
    {ENCODER, "heads.intent.on", NULL, NULL, "one of sequence, token", "is missing"},
    {ENCODER, "heads.intent.labels", NULL, NULL, "expected a string", "is missing"},
    {ENCODER, "heads.intent.labels", "\"../x\"", NULL, "inside the model directory", "found \"../x\""},
    {ENCODER, "heads.intent.inputs", "[\"state\"]", NULL, "a sequence head reads the pooled vector", "found a list"},
    {ENCODER, "heads.slots.inputs", "[]", NULL, "a list, not empty, of state, pooled", "found a list"},
    {ENCODER, "heads.slots.inputs", "[\"state\", \"state\"]", NULL, "expected each name once", "found \"state\" twice"},
    {ENCODER, "heads.slots.inputs", "[\"context\"]", NULL, "nothing else in it than state, pooled",
     "found \"context\" in it"},
    {ENCODER, "heads.slots.colour", "3", NULL, "known here are on, labels, inputs", "unknown key"},
    {ENCODER, "heads.slots.size", "3", NULL, "only a head with the activation \"none\"", "found 3"},
    {ENCODER, "heads.slots.inputs", "[\"layer1\"]", NULL, "nothing else in it than state, pooled, source, layer0",
     "found \"layer1\" in it"},
    {ENCODER, "heads.slots.hidden", "[{\"size\": 4}]", "heads.slots.hidden.0.weight", "expected the shape [4, 3]",
     "no such tensor"},
    {ENCODER, "heads.intent.hidden", "[{}]", "heads.intent.hidden.0.size", "an integer from 1", "is missing"},
    {ENCODER, "heads.slots.inputs", "[\"source\", \"layer0\"]", "heads.slots.weight", "expected the shape [2, 7]",
     "found [2, 3]"},
    {IDS, "heads", "{\"n\": {\"on\": \"token\", \"activation\": \"none\", \"labels\": \"two.labels\", \"size\": 3}}",
     "heads.n.size", "expected the number of its labels, 2", "found 3"},
    {IDS, "heads", "{\"c\": {\"on\": \"token\", \"labels\": \"two.labels\", \"decode\": \"ctc\", \"blank\": 2}}",
     "heads.c.blank", "below 2", "found 2"},
    {ENCODER, "heads.slots.activation", "\"tanh\"", NULL, "expected one of softmax, sigmoid, none", "found \"tanh\""},
    {ENCODER, "heads.slots.threshold", "0.25", NULL, "only a head with the activation \"sigmoid\"", "found 0.25"},
    {ENCODER, "heads.more", "[]", NULL, "expected an object", "found a list"},
    // decoder
    {SEQ2SEQ, "decoder", NULL, NULL, "expected an object", "is missing"},
    {SEQ2SEQ, "decoder.dropout", "0", NULL, "known here are vocab, tokenizer, bos, eos", "unknown key"},
    {SEQ2SEQ, "decoder.vocab", NULL, NULL, "expected a string", "is missing"},
    {SEQ2SEQ, "decoder.vocab", "\"/t\"", NULL, "inside the model directory", "found \"/t\""},
    {SEQ2SEQ, "decoder.tokenizer", NULL, NULL, "expected an object", "is missing"},
    {SEQ2SEQ, "decoder.tokenizer.vocab", "\"t\"", NULL, "known here are type, codes, model, lowercase", "unknown key"},
    {SEQ2SEQ, "decoder.tokenizer.bos", "\"t\"", NULL, "known here are type, codes, model, lowercase", "unknown key"},
    {SEQ2SEQ, "decoder.tokenizer.type", "\"bpe\"", "decoder.tokenizer.codes", "expected a string", "is missing"},
    {SEQ2SEQ, "decoder.tokenizer.type", "\"sentencepiece\"", "decoder.vocab", "uses none", "found \"a.vocab\""},
    {SEQ2SEQ, "decoder.bos", NULL, NULL, "expected a string or null", "is missing"},
    {SEQ2SEQ, "decoder.bos", "1", NULL, "expected a string or null", "found 1"},
    {SEQ2SEQ, "decoder.eos", "null", NULL, "expected a string", "found null"},
    {SEQ2SEQ, "decoder.embedding_dim", "\"x\"", NULL, "an integer from 1", "found \"x\""},
    {SEQ2SEQ, "decoder.hidden_size", NULL, NULL, "an integer from 1", "is missing"},
    {SEQ2SEQ, "decoder.bridge", NULL, NULL, "one of zeros, last, linear_tanh, mean_tanh", "is missing"},
    {SEQ2SEQ, "decoder.hidden_size", "5", "decoder.bridge", "the encoder's output size: expected 6", "found 5"},
    {SEQ2SEQ, "decoder.num_layers", "3", "decoder.bridge", "for each decoder layer: expected at most 2", "found 3"},
    {SEQ2SEQ, "decoder.attention", NULL, NULL, "at the top level and in \"decoder\", one without in neither",
     "is missing"},
    {SEQ2SEQ, "decoder.attention", "null", NULL, "expected an object", "found null"},
    {PLAIN, "decoder.input", "[\"embedding\", \"context\"]", NULL, "has no \"context\"", "without \"attention\""},
    {PLAIN, "decoder.readout.inputs", "[\"context\"]", "decoder.readout", "has no \"context\"",
     "without \"attention\""},
    {SEQ2SEQ, "decoder.attention.query", "\"hidden\"", NULL, "one of previous_state, state, embedding",
     "found \"hidden\""},
    {SEQ2SEQ, "decoder.input", NULL, NULL, "a list, not empty, of embedding, context, readout", "is missing"},
    {SEQ2SEQ, "decoder.input", "[]", NULL, "a list, not empty, of embedding, context, readout", "found a list"},
    {SEQ2SEQ, "decoder.input", "\"embedding\"", NULL, "a list, not empty, of embedding", "found \"embedding\""},
    {SEQ2SEQ, "decoder.input", "[\"state\"]", NULL, "nothing else in it than embedding, context, readout",
     "found \"state\" in it"},
    {SEQ2SEQ, "decoder.input", "[\"context\", \"context\"]", NULL, "expected each name once",
     "found \"context\" twice"},
    {SEQ2SEQ, "decoder.readout", NULL, NULL, "expected an object", "is missing"},
    {SEQ2SEQ, "decoder.readout.inputs", "[\"readout\"]", NULL, "nothing else in it than state, context, embedding",
     "found \"readout\" in it"},
    {SEQ2SEQ, "decoder.readout.size", "0", NULL, "from 1 to", "found 0"},
    {SEQ2SEQ, "decoder.readout.size", "null", "decoder.readout.activation", "expected \"none\"", "found \"tanh\""},
    {SEQ2SEQ, "decoder.readout.activation", "\"relu\"", NULL, "one of none, tanh", "found \"relu\""},
    {SEQ2SEQ, "decoder.readout.size", "5", "decoder.tied", "as wide as the embedding: expected 4", "found 5"},
    {SEQ2SEQ, "decoder.tied", "1", NULL, "true or false", "found 1"},
    // generation
    {SEQ2SEQ, "generation.beam_size", "0", NULL, "from 1", "found 0"},
    {SEQ2SEQ, "generation.beam_size", "2", "generation.n_best", "expected at most 2", "found 3"},
    {SEQ2SEQ, "generation.n_best", "1.5", NULL, "an integer from 1", "found 1.5"},
    {SEQ2SEQ, "generation.length_norm", "\"log\"", NULL, "one of none, avg, gnmt", "found \"log\""},
    {SEQ2SEQ, "generation.length_penalty", "\"a\"", NULL, "a number", "found \"a\""},
    {SEQ2SEQ, "generation.length_penalty", "-1e308", NULL, "a number from -16 to 16", "found -1"},
    {SEQ2SEQ, "generation.length_penalty", "16.5", NULL, "a number from -16 to 16", "found 16.5"},
    {SEQ2SEQ, "generation.max_length_factor", "-1", NULL, "a number from 0 to 1000000", "found -1"},
    {SEQ2SEQ, "generation.max_length_factor", "1e300", NULL, "a number from 0 to 1000000", "found 1"},
    {ENCODER, "pooling.temperature", "1e-300", NULL, "a finite number above 0", "found 1"},
    {ENCODER, "pooling.temperature", "1e300", NULL, "a finite number above 0", "found 1"},
    {SEQ2SEQ, "generation.max_length", "0", NULL, "from 1", "found 0"},
    {SEQ2SEQ, "generation.min_length", "-1", NULL, "from 0", "found -1"},
    {SEQ2SEQ, "generation.suppress", "\"x\"", NULL, "expected a list of strings", "found \"x\""},
    {SEQ2SEQ, "generation.suppress", "[\"</s>\", 3]", NULL, "expected a list of strings", "found a list"},
    {SEQ2SEQ, "generation.suppress", "[\"</s>\", \"<start>\"]", NULL, "a token of the decoder's vocabulary",
     "found \"<start>\""},
    {SEQ2SEQ, "generation.temperature", "1", NULL, "known here are beam_size, n_best", "unknown key"},
    // renamed tensors: the place is the name in the model contract
    {ENCODER, "tensors", "[]", NULL, "expected an object", "found a list"},
    {ENCODER, "tensors.encoder", "1", NULL, "expected a string", "found 1"},
    {ENCODER, "tensors.encoder", "\"\"", NULL, "expected a prefix of tensor names", "found \"\""},
    {ENCODER, "tensors", "{\"encoder.rnn\": \"gru\"}", "encoder.rnn.weight_ih_l0", "expected the shape [9, 4]",
     "no such tensor"},
    {ENCODER, "tensors", "{\"heads.intent\": \"heads.slots\"}", "heads.intent.weight", "expected the shape [3, 3]",
     "found [2, 3]"},
    // tensors: missing, too many, of another shape or type; the shapes follow from the configuration and the vocabularies
    {ENCODER, "tensor encoder.embedding.weight", NULL, NULL, "expected the shape [5, 4]", "no such tensor"},
    {ENCODER, "tensor encoder.embedding.weight", "F32 [6, 4]", NULL, "expected the shape [5, 4]", "found [6, 4]"},
    {ENCODER, "tensor encoder.embedding.weight", "F32 [20]", NULL, "expected the shape [5, 4]", "found [20]"},
    {ENCODER, "tensor encoder.embedding.weight", "I64 [5, 4]", NULL, "expected a tensor of F32, F16, BF16 or I8",
     "found I64"},
    {ENCODER, "tensor encoder.embedding.weight", "F64 [5, 4]", NULL, "expected a tensor of F32, F16, BF16 or I8",
     "found F64"},
    {ENCODER, "tensor encoder.rnn.weight_ih_l0", NULL, NULL, "expected the shape [9, 4]", "no such tensor"},
    {ENCODER, "tensor encoder.rnn.weight_ih_l0", "F32 [4, 9]", NULL, "expected the shape [9, 4]", "found [4, 9]"},
    {ENCODER, "tensor encoder.rnn.weight_hh_l0", "F16 [3, 3]", NULL, "expected the shape [9, 3]", "found [3, 3]"},
    {ENCODER, "tensor encoder.rnn.bias_hh_l0", "BF16 [3]", NULL, "expected the shape [9]", "found [3]"},
    {ENCODER, "tensor encoder.rnn.bias_hh_l0", NULL, NULL, "expected the shape [9]", "no such tensor"},
    {ENCODER, "tensor encoder.rnn.bias_ih_l0", NULL, NULL, "expected the shape [9]", "no such tensor"},
    {ENCODER, "tensor encoder.rnn.bias_ih_l0", "F32 [9, 1]", NULL, "expected the shape [9]", "found [9, 1]"},
    {ENCODER, "tensor attention.key.weight", "F32 [2, 6]", NULL, "expected the shape [2, 3]", "found [2, 6]"},
    {ENCODER, "tensor attention.energy.weight", "F32 [2]", NULL, "expected the shape [1, 2]", "found [2]"},
    {ENCODER, "pooling.query", "\"last_hidden\"", "attention.query.weight", "expected the shape [2, 3]",
     "no such tensor"},
    {ENCODER, "tensor heads.intent.weight", "F32 [2, 3]", NULL, "expected the shape [3, 3]", "found [2, 3]"},
    {ENCODER, "tensor heads.intent.bias", "F32 [2]", NULL, "expected the shape [3]", "found [2]"},
    {ENCODER, "heads.slots.inputs", "[\"state\", \"pooled\"]", "heads.slots.weight", "expected the shape [2, 6]",
     "found [2, 3]"},
    {ENCODER, "encoder.bidirectional", "true", "encoder.rnn.weight_ih_l0_reverse", "expected the shape [9, 4]",
     "no such tensor"},
    {ENCODER, "encoder.direction", "[\"both\"]", "encoder.rnn.weight_ih_l0_reverse", "expected the shape [9, 4]",
     "no such tensor"},
    {ENCODER, "encoder.num_layers", "2", "encoder.rnn.weight_ih_l1", "expected the shape [9, 3]", "no such tensor"},
    {ENCODER, "tensor encoder.rnn.weight_ih_l1", "F32 [9, 3]", NULL, "the configuration does not use", "this tensor"},
    {FEATURES, "tensor attention.context", NULL, NULL, "expected the shape [3]", "no such tensor"},
    {FEATURES, "tensor attention.context", "F32 [4]", NULL, "expected the shape [3]", "found [4]"},
    {FEATURES, "pooling.score", "\"general\"", "attention.general.weight", "expected the shape [3, 3]",
     "no such tensor"},
    {FEATURES, "tensor encoder.embedding.weight", "F32 [5, 4]", NULL, "the configuration does not use", "this tensor"},
    {IDS, "tensor encoder.embedding.weight", "F32 [7, 5]", NULL, "expected the shape [7, 4]", "found [7, 5]"},
    {SEQ2SEQ, "tensor attention.general.weight", "F32 [6, 4]", NULL, "expected the shape [6, 6]", "found [6, 4]"},
    {SEQ2SEQ, "decoder.attention.query", "\"embedding\"", "attention.general.weight", "expected the shape [6, 4]",
     "found [6, 6]"},
    {SEQ2SEQ, "decoder.input", "[\"embedding\"]", "decoder.rnn.weight_ih_l0", "expected the shape [18, 4]",
     "found [18, 10]"},
    {SEQ2SEQ, "decoder.bridge", "\"linear_tanh\"", "bridge.weight", "expected the shape [12, 6]", "no such tensor"},
    {SEQ2SEQ, "tensor decoder.embedding.weight", "F32 [6, 4]", NULL, "expected the shape [5, 4]", "found [6, 4]"},
    {SEQ2SEQ, "tensor decoder.rnn.weight_ih_l1", "F32 [18, 10]", NULL, "expected the shape [18, 6]", "found [18, 10]"},
    {SEQ2SEQ, "tensor decoder.readout.weight", "F32 [4, 16]", NULL, "expected the shape [4, 12]", "found [4, 16]"},
    {SEQ2SEQ, "tensor decoder.readout.bias", "F32 [12]", NULL, "expected the shape [4]", "found [12]"},
    {SEQ2SEQ, "decoder.tied", "false", "decoder.output.weight", "expected the shape [5, 4]", "no such tensor"},
    {SEQ2SEQ, "tensor decoder.output.bias", "F32 [4]", NULL, "expected the shape [5]", "found [4]"},
    {SEQ2SEQ, "tensor decoder.output.weight", "F32 [5, 4]", NULL, "the configuration does not use", "this tensor"},
    // weights of 8 bits: a scale for each row beside them; only matrices can be
    {ENCODER, "tensor encoder.embedding.weight", "I8 [5, 4]", "encoder.embedding.weight_scale",
     "expected the shape [5]", "no such tensor"},
    {ENCODER, "tensor encoder.rnn.weight_hh_l0", "I8 [9, 3]; F16 [9]", "encoder.rnn.weight_hh_l0_scale",
     "expected a tensor of F32", "found F16"},
    {ENCODER, "tensor encoder.rnn.weight_hh_l0", "I8 [9, 3]; F32 [3]", "encoder.rnn.weight_hh_l0_scale",
     "expected the shape [9]", "found [3]"},
    {ENCODER, "tensor heads.intent.weight", "I8 [3, 3]; F32 [3, 1]", "heads.intent.weight_scale",
     "expected the shape [3]", "found [3, 1]"},
    {ENCODER, "tensor heads.intent.weight", "I8 [3, 4]; F32 [3]", NULL, "expected the shape [3, 3]", "found [3, 4]"},
    {ENCODER, "tensor heads.intent.weight", "U8 [3, 3]; F32 [3]", NULL, "expected a tensor of F32, F16, BF16 or I8",
     "found U8"},
    {ENCODER, "tensor heads.intent.bias", "I8 [3]; F32 [3]", NULL, "expected a tensor of F32, F16 or BF16", "found I8"},
    {FEATURES, "tensor attention.context", "I8 [3]; F32 [3]", NULL, "expected a tensor of F32, F16 or BF16",
     "found I8"},
    {SEQ2SEQ, "tensor decoder.readout.bias", "I8 [4]", NULL, "expected a tensor of F32, F16 or BF16", "found I8"},
    {SEQ2SEQ, "tensor decoder.embedding.weight", "F32 [5, 4]; F32 [5]", "decoder.embedding.weight_scale",
     "the configuration does not use", "this tensor"},
    // files
    {SEQ2SEQ, "decoder.bos", "\"<start>\"", NULL, "a token of the decoder's vocabulary", "found \"<start>\""},
    {SEQ2SEQ, "source.tokenizer.eos", "\"<end>\"", NULL, "a line of the vocabulary", "found \"<end>\""},
    {ENCODER, "file a.vocab", NULL, "", "No such file", ""},
    {ENCODER, "file a.vocab",
     "\xEF\xBB\xBF"
     "a\nb\n<unk>\n<s>\n</s>\n",
     "line 1", "byte-order mark", ""},
    {ENCODER, "file a.vocab", "a\nb\xFF\n<unk>\n<s>\n</s>\n", "line 2", "UTF-8", ""},
    {ENCODER, "file three.labels", NULL, "", "No such file", ""},
    {ENCODER, "file model.safetensors", NULL, "", "No such file", ""},
    {ENCODER, "file model.safetensors", "12345", "", "no safetensors file", "fewer than 8 bytes"},
};
#define N_MISTAKES (sizeof mistakes / sizeof *mistakes)

// ---- the tests ----

static grus_status load_strictly(grus_model **model, grus_error *error)
{
    grus_load_options options;
    grus_load_options_init(&options, sizeof options);
    options.strict = true;
    return grus_model_load(contract_dir(), &options, model, error);
}

START_TEST(sound_models_load)
{
    grus_model *model;
    grus_error error = {0};
    char text[sizeof error];
    contract_write((contract_base)_i, NULL);
    ck_assert_msg(load_strictly(&model, &error) == GRUS_OK, "%s", grus_error_text(&error, text, sizeof text));
    grus_model_free(model);
}
END_TEST

START_TEST(a_mistake_is_named)
{
    const contract_mistake *row = &mistakes[_i];
    bool tensor = contract_is_about(row, "tensor "), file = contract_is_about(row, "file ");
    grus_model *model;
    grus_error error = {0};
    char text[sizeof error], path[512];
    contract_write(row->base, row);
    ck_assert_msg(load_strictly(&model, &error) == GRUS_E_MODEL, "%s = %s is accepted", row->what,
                  row->value ? row->value : "(nothing)");
    ck_assert_ptr_null(model);
    grus_error_text(&error, text, sizeof text);
    const char *key = tensor || file ? strchr(row->what, ' ') + 1 : row->what;
    const char *place = row->place ? row->place : key;
    snprintf(path, sizeof path, "%s/%s", contract_dir(), file ? key : "");
    ck_assert_msg(strncmp(error.file, path, strlen(path)) == 0, "%s: the file", text);
    ck_assert_msg(strcmp(error.place, place) == 0, "%s: the place, expected %s", text, place);
    ck_assert_msg(strstr(error.cause, row->expected) != NULL, "%s: lacks «%s»", text, row->expected);
    ck_assert_msg(strstr(error.cause, row->found) != NULL, "%s: lacks «%s»", text, row->found);
}
END_TEST

// What the tables above cannot say: an optional tensor may be left out, and without "strict" one too many is a warning.
static void count_warning(void *context, const char *text)
{
    ck_assert_ptr_nonnull(strstr(text, "model.safetensors:decoder.output.weight: the configuration does not use this"));
    ++*(int *)context;
}

START_TEST(what_is_no_mistake)
{
    static const contract_mistake allowed[] = {
        {.base = ENCODER, .what = "front", .value = "[]"},
        {.base = FRONTED, .what = "front.1.dilation", .value = "1"},
        {.base = FRONTED, .what = "front.1.activation", .value = "\"none\""},
        {.base = FRONTED, .what = "front.2.stride", .value = "1"},
        {.base = FRONTED, .what = "front.0.padding", .value = "4"},
        {.base = FRONTED, .what = "tensor front.0.weight", .value = "I8 [5, 2, 3]; F32 [5]"},
        {.base = ENCODER, .what = "tensor attention.key.bias"},
        {.base = ENCODER, .what = "tensor heads.intent.bias"},
        {.base = SEQ2SEQ, .what = "tensor decoder.output.bias"},
        {.base = SEQ2SEQ, .what = "tensor decoder.readout.bias"},
        {.base = ENCODER, .what = "tensor encoder.embedding.weight", .value = "BF16 [5, 4]"},
        {.base = ENCODER, .what = "source.tokenizer.bos", .value = "null"},
        {.base = ENCODER, .what = "encoder.direction", .value = "\"backward\""},
        {.base = LSTM, .what = "encoder.reset", .value = "\"after\""},
        {.base = LSTM, .what = "decoder.activation", .value = "\"tanh\""},
        {.base = ENCODER, .what = "encoder.direction", .value = "[\"backward\"]"},
        {.base = ENCODER, .what = "source.input", .value = "\"tokens\""},
        {.base = SEQ2SEQ, .what = "generation", .value = NULL},
        {.base = ENCODER, .what = "tensor encoder.embedding.weight", .value = "I8 [5, 4]; F32 [5]"},
        {.base = ENCODER, .what = "tensor attention.energy.weight", .value = "I8 [1, 2]; F32 [1]"},
        {.base = SEQ2SEQ, .what = "tensor attention.general.weight", .value = "I8 [6, 6]; F32 [6]"},
        {.base = SEQ2SEQ, .what = "tensor decoder.output.weight", .value = "F32 [5, 4]"},
        {.base = SEQ2SEQ, .what = "tensor decoder.output.weight", .value = "I8 [5, 4]"},
    };
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        grus_model *model;
        grus_error error = {0};
        int warnings = 0;
        grus_load_options options;
        grus_load_options_init(&options, sizeof options);
        options.on_warning = count_warning;
        options.context = &warnings;
        contract_write(allowed[i].base, &allowed[i]);
        ck_assert_msg(grus_model_load(contract_dir(), &options, &model, &error) == GRUS_OK, "%s: %s: %s",
                      allowed[i].what, error.place, error.cause);
        ck_assert_int_eq(warnings, strstr(allowed[i].what, "output.weight") != NULL);
        grus_model_free(model);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contract");
    TCase *tests = tcase_create("models and mistakes");
    tcase_add_checked_fixture(tests, contract_make_dir, contract_remove_dir);
    tcase_add_loop_test(tests, sound_models_load, 0, N_BASES);
    tcase_add_loop_test(tests, a_mistake_is_named, 0, (int)N_MISTAKES);
    tcase_add_test(tests, what_is_no_mistake);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
