// grus.h: the public interface of libgrus, and all of it.
//
// Load a model directory, run it over shards of records, or over records held in memory; ask what a model or a shard
// holds. Every function that can fail returns a grus_status and fills a grus_error; the library prints nothing and
// never ends the process. Strings are UTF-8. A model is immutable after loading and may be shared by threads.
//
// How this interface grows. A program that was built with an earlier grus.h works with every later library of the same
// soname:
//   - A struct that begins with `size` gets new fields at its end alone. In one that the caller makes, NAME_init(&it,
//     sizeof it, …) sets size and the defaults of the rest; the library reads and fills no byte behind size, and takes
//     the default for a field that size does not cover. Where size is greater than the library's own struct (the header
//     is newer than the library), what lies behind must be as NAME_init left it, else the call is GRUS_E_USAGE.
//   - Structs that the library makes are reached by pointers, those in lists too: their size tells how far they go.
//   - No struct holds by value another one that grows. grus_error, grus_text and grus_array_place never change.
//   - Enumerations get new values at their end. Functions are never changed; each carries the version of the library's
//     interface in which it came (GRUS_0, …).
#ifndef GRUS_H
#define GRUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GRUS_API __attribute__((visibility("default")))
#define GRUS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define GRUS_API
#define GRUS_PRINTF(f, a)
#endif

// ---- errors ----

// The values are the exit codes of the command (doc/grus.1); the last two never leave it.
typedef enum grus_status {
    GRUS_OK = 0,
    GRUS_E_FAILED = 1,      // a shard failed, or a record with on_error = fail
    GRUS_E_USAGE = 2,       // options that contradict one another or the model
    GRUS_E_MODEL = 3,       // the model directory is not usable
    GRUS_E_INPUT = 4,       // an input cannot be opened or read
    GRUS_E_OUTPUT = 5,      // output directory, disk
    GRUS_E_MEMORY = 6,      // an allocation failed
    GRUS_E_INTERRUPTED = 7, // a stop was asked for; what was in flight is not committed
} grus_status;

// What an option is called here: the field of its struct, "run.threads" of grus_run_options, "search.beam_size" of
// grus_search, "load.strict" of grus_load_options. The command puts its own flags in their places.
typedef struct grus_error {
    grus_status status;
    char file[1024]; // what the error is about: a path, or "" when it is about none
    char place[256]; // line, byte offset, key or tensor inside it, field of the options, or ""
    char cause[768]; // what is wrong, and what was expected
} grus_error;

// Writes "FILE:PLACE: CAUSE" (empty parts left out) into text, always terminated, control characters as question marks;
// returns text.
GRUS_API const char *grus_error_text(const grus_error *error, char *text, size_t size);

// A text that the library has made: size bytes, and a \0 behind them.
typedef struct grus_text {
    char *data;
    size_t size;
} grus_text;

// Frees the bytes and leaves an empty text; an empty one (all 0) may be freed.
GRUS_API void grus_text_free(grus_text *text);

GRUS_API const char *grus_version(void);

// The micro-kernel in use for float32 ("skx", "haswell", …), decided at the first call; see doc/grus.1, BLIS_ARCH_TYPE.
GRUS_API const char *grus_kernel_name(void);

// The model of this machine's first processor ("AMD EPYC 9654 96-Core Processor"), or the machine's kind ("aarch64") where
// the system tells none: printable ASCII without quotes and backslashes.
GRUS_API const char *grus_cpu_name(void);

// ---- models ----

typedef struct grus_model grus_model;

// What products are made of: the floats of the model, or its weights and what they are multiplied with rounded to
// int8 and summed exactly (doc/model-format.md says how).
typedef enum grus_compute_type { GRUS_COMPUTE_FLOAT32, GRUS_COMPUTE_INT8 } grus_compute_type;

typedef void grus_warning_fn(void *context, const char *text);

typedef struct grus_load_options {
    size_t size;
    grus_warning_fn *on_warning; // may be NULL
    void *context;               // of on_warning
    bool strict;                 // a tensor that the configuration does not use is an error, not a warning
    bool allow_nonfinite;        // a NaN or an infinity among the weights is a warning, not an error
    uint8_t compute_type;        // a grus_compute_type
    bool reserved[5];            // false
} grus_load_options;

GRUS_API void grus_load_options_init(grus_load_options *options, size_t size);

// Reads DIR/config.json and what it names. options NULL: the defaults. The caller frees *model.
GRUS_API grus_status grus_model_load(const char *dir, const grus_load_options *options, grus_model **model,
                                     grus_error *error);
GRUS_API void grus_model_free(grus_model *model);

// What the model's products are made of, and the micro-kernel that makes them ("haswell", "avx512vnni", …), the library's.
GRUS_API grus_compute_type grus_model_compute_type(const grus_model *model);
GRUS_API const char *grus_model_kernel_name(const grus_model *model);

// The architecture, parameters, FLOPs a token, memory a lane and tensors: the table of `grus inspect MODEL`, or JSON, one
// object, with what config.json says and the tensors' names and shapes. The caller frees *text with grus_text_free.
GRUS_API grus_status grus_model_describe(const grus_model *model, bool as_json, grus_text *text, grus_error *error);

// The frames, sizes and record count of a shard, as `grus inspect SHARD`, or JSON; reads all of it. Lines of more than
// max_record bytes are counted apart. The caller frees *text with grus_text_free.
GRUS_API grus_status grus_shard_describe(const char *path, size_t max_record, bool as_json, grus_text *text,
                                         grus_error *error);

// ---- tasks and searches ----

typedef enum grus_task {
    GRUS_TASK_OWN,
    GRUS_TASK_EMBED,
    GRUS_TASK_CLASSIFY,
    GRUS_TASK_TAG,
    GRUS_TASK_TRANSLATE,
    GRUS_TASK_SCORE,
    GRUS_TASK_STATES // every position's encoder outputs, of encoder and seq2seq models
} grus_task;
typedef enum grus_length_norm { GRUS_NORM_NONE, GRUS_NORM_AVG, GRUS_NORM_GNMT } grus_length_norm;
typedef enum grus_attention_output {
    GRUS_ATTENTION_NONE,
    GRUS_ATTENTION_SOFT,
    GRUS_ATTENTION_HARD
} grus_attention_output;
typedef enum grus_format {
    GRUS_FORMAT_JSONL,
    GRUS_FORMAT_TXT,
    GRUS_FORMAT_NPY,
    GRUS_FORMAT_SAFETENSORS // a feature shard: numbers of each record, or of each of its positions
} grus_format;
// What the heads of an encoder model give: what they decide on, or the numbers that they decide by.
typedef enum grus_head_output { GRUS_HEAD_LABELS, GRUS_HEAD_PROBS, GRUS_HEAD_LOGITS } grus_head_output;

// The lists of words: what the command line, config.json and run.json call the values of an enumeration.
typedef enum grus_name_list {
    GRUS_NAMES_TASK,        // grus_task
    GRUS_NAMES_LENGTH_NORM, // grus_length_norm
    GRUS_NAMES_ATTENTION,   // grus_attention_output
    GRUS_NAMES_FORMAT,      // grus_format
    GRUS_NAMES_SHARD_STATE, // grus_shard_state
    GRUS_NAMES_COMPUTE,     // grus_compute_type
    GRUS_NAMES_HEAD_OUTPUT, // grus_head_output
    GRUS_NAMES_COMPRESS,    // grus_compress
} grus_name_list;

// The words of a list, in the order of its enumeration, with NULL behind the last; NULL for a list that this library does
// not have. They live as long as the library.
GRUS_API const char *const *grus_names(grus_name_list list);

// What a search does. A model's own come from "generation" in its config.json.
typedef struct grus_search {
    size_t size;
    size_t beam_size;         // hypotheses that are kept
    size_t n_best;            // that are printed, at most beam_size
    double length_penalty;    // alpha
    double max_length_factor; // steps a source position
    size_t max_length;        // steps, the end token's included
    size_t min_length;        // tokens before the end token may come
    grus_length_norm length_norm;
    bool unique_nbest; // of hypotheses with one text the best is printed alone, and fewer than n_best may come out
    bool disable_unk;  // <unk> is no candidate
    bool replace_unk;  // in outputs, <unk> is the source token that its step looked at most
    bool reserved[1];  // false
    size_t no_repeat_ngram_size; // no hypothesis has so many tokens in a row twice; 0: any may
    // What a hypothesis has already is less likely next: a logit x of such a token is x / repetition_penalty, or x times it
    // where x is negative.
    double repetition_penalty;
    // Tokens are drawn from the sampling_topk likeliest, of 0 from all, with the probabilities of
    // softmax(logits / sampling_temperature), and n_best hypotheses each for itself, with a beam_size of 1. A topk of 1, or a
    // temperature of 0: none is.
    size_t sampling_topk;
    double sampling_temperature;
} grus_search;

// Those of the model; model NULL, or an encoder: what config.json need not say.
GRUS_API void grus_search_init(grus_search *search, size_t size, const grus_model *model);

// ---- what a model holds ----

// What GRUS_TASK_OWN stands for: GRUS_TASK_TRANSLATE of a seq2seq model; of an encoder GRUS_TASK_EMBED where it has no
// head, GRUS_TASK_CLASSIFY or GRUS_TASK_TAG where all its heads are of one kind, GRUS_TASK_OWN where it has both.
GRUS_API grus_task grus_model_task(const grus_model *model);

// Heads are numbered from 0 in the order of config.json, labels in that of the head's file. NULL, false, 0: no such one.
GRUS_API size_t grus_model_heads(const grus_model *model);
GRUS_API const char *grus_model_head_name(const grus_model *model, size_t head);
GRUS_API bool grus_model_head_is_on_token(const grus_model *model, size_t head);
GRUS_API size_t grus_model_labels(const grus_model *model, size_t head);
// The label's bytes, *length of them, no \0 behind them; the model's.
GRUS_API const char *grus_model_label(const grus_model *model, size_t head, size_t label, size_t *length);

typedef enum grus_side { GRUS_SIDE_SOURCE, GRUS_SIDE_TARGET } grus_side;

// Tokens of a vocabulary, ids from 0; 0: the side has none (features, an encoder's target).
GRUS_API size_t grus_model_tokens(const grus_model *model, grus_side side);
// The token of an id as the vocabulary has it, a decimal number where there is none; the caller frees *token with grus_text_free. GRUS_E_USAGE: there
// is none.
GRUS_API grus_status grus_model_token(const grus_model *model, grus_side side, size_t id, grus_text *token,
                                      grus_error *error);
// Values of a source position; 0: the source is tokens.
GRUS_API size_t grus_model_feature_dim(const grus_model *model);

typedef enum grus_limit {
    GRUS_LIMIT_POSITIONS, // source positions and forced target tokens of a record
    GRUS_LIMIT_CELLS,     // attention weights of a record, where they are asked for
} grus_limit;

// Over a limit a record is in error. 0: a limit that this library does not have.
GRUS_API size_t grus_model_limit(const grus_model *model, grus_limit limit);

// Prefix i of those that config.json renames: what the tensors' names begin with in grus's own scheme, and in the file.
// Both are the model's. false: there are not so many.
GRUS_API bool grus_model_prefix(const grus_model *model, size_t i, const char **own, const char **in_file);

// ---- runs: options ----

// The place of a process in a job array. The first process of a run writes how its array is numbered into run.json;
// later ones find their rank by that, as an array that runs some elements again has another first one and another size.
typedef struct grus_array_place {
    size_t id, first, step; // of the array's elements
    size_t task, tasks;     // of the element's processes; tasks 0: there is no array
} grus_array_place;

// A wish that a run end, with what is in flight not committed; one may be given to several runs.
typedef struct grus_stop grus_stop;

GRUS_API grus_stop *grus_stop_new(void); // NULL when memory is short; the caller frees it when no run has it any more
GRUS_API void grus_stop_free(grus_stop *stop);
// Every run that has the stop ends, also one that begins later. Safe in a signal handler and from any thread.
GRUS_API void grus_stop_ask(grus_stop *stop);

// What becomes of a shard that is done when its input has changed since.
typedef enum grus_on_changed {
    GRUS_CHANGED_FAIL, // it fails, and its output stays
    GRUS_CHANGED_REDO, // its output is set aside (OUTDIR/.grus/aside), and it is done anew
    GRUS_CHANGED_KEEP, // it is done, with a warning
} grus_on_changed;

// How output shards are compressed.
typedef enum grus_compress { GRUS_COMPRESS_ZST, GRUS_COMPRESS_GZ, GRUS_COMPRESS_NONE } grus_compress;

// How the records of standard input are written.
typedef enum grus_input_type { GRUS_INPUT_JSONL, GRUS_INPUT_TXT, GRUS_INPUT_TSV } grus_input_type;

typedef struct grus_run_options {
    size_t size;
    const char *const *inputs; // (n_inputs) shards, directories of shards, or "-" alone
    size_t n_inputs;
    const char *outdir;        // "-": standard output, where the input is "-"
    const grus_search *search; // NULL: the model's own; encoder models do not look at it
    const grus_stop *stop;     // NULL: none
    grus_task task;
    grus_attention_output attention;
    grus_format format;
    int level;                                  // of the output's compression: 1 to 22 of zst, to 9 of gz
    const char *text_key, *id_key, *target_key; // JSONL fields
    size_t text_column, target_column;          // TSV columns, from 1
    size_t threads;                             // 0: what the affinity mask and the cgroup quota allow
    size_t batch_tokens;                        // source positions a batch; 0: the default. Never changes a result
    size_t max_memory;                          // bytes; 0: no bound asked
    size_t max_record;                          // bytes of one record
    size_t checkpoint_records; // between two checkpoints of a shard, at most; 0: none. Never changes a result
    const char *report;        // NULL: OUTDIR/report.json; "-": standard output
    size_t rank, world_size;
    grus_array_place array; // where launched
    bool launched;      // rank and array are a launcher's: where the run has another world size already, that one holds
    bool fail_on_error; // a record in error fails its shard
    bool token_scores;
    bool strict;
    bool dry_run;
    uint8_t on_changed;  // a grus_on_changed
    uint8_t input_type;  // a grus_input_type, of standard input
    bool mark_truncated; // a hypothesis that ended at its limit says so
    uint64_t seed; // of what is drawn: a record's draws hang on it, the name of its shard and its number there alone
    uint32_t window_log;       // zstd frames with a window of up to 2^window_log bytes are read. Never changes a result
    bool grow;                 // inputs that are not in the run's list are added to it
    bool more_reserved[3];     // false
    uint64_t max_errors;       // records in error that a shard may have
    double max_errors_percent; // and of 100 of its records
    // Names of the result's fields. output_key: of the main one (the text, the embedding, the one head, the score);
    // field_prefix: stands before the names of the others. NULL: their own.
    const char *output_key, *field_prefix;
    uint8_t head_output;   // a grus_head_output, of what the task's heads give
    bool attention_heads;  // with attention soft: the weights of each head of an attention that has several
    bool last_reserved[6]; // false
    // JSONL field of what every hypothesis begins with, cut into tokens as targets are; NULL: none. Of GRUS_TASK_TRANSLATE.
    const char *prefix_key;
    uint8_t compress;          // a grus_compress; GRUS_FORMAT_NPY is never compressed
    bool recursive;            // an input that is a directory stands for the shards below it, in whatever folders
    bool compress_reserved[6]; // false
    // Models that decode together with that of the run: a step's log-probabilities are the means of those of all, and
    // attention likewise. They have the same vocabularies, tokenizers and numbers; search settings are the first one's. They
    // outlive the run. Of GRUS_TASK_TRANSLATE and GRUS_TASK_SCORE.
    const grus_model *const *ensemble; // (n_ensemble)
    size_t n_ensemble;
    // A file of names of shards, one a line, below the one input, which is then a directory, or below the working directory
    // where there is no input; "-": standard input. NULL: none. OUTDIR has an output in the folders that its shard's name has.
    const char *filelist;
} grus_run_options;

GRUS_API void grus_run_options_init(grus_run_options *options, size_t size);

typedef struct grus_progress {
    size_t size;
    size_t shards, shards_done, shards_skipped, shards_failed;
    uint64_t records, records_failed;
    uint64_t tokens_in, tokens_out;         // source positions; generated tokens, the end tokens included
    uint64_t bytes_in, bytes_total;         // compressed bytes done, and in all (0: unknown)
    double seconds;                         // since the start
    uint64_t memory;                        // bytes predicted for the whole run
    uint64_t positions, positions_computed; // encoder positions asked for, and computed (padding = the difference)
    uint64_t rows, rows_computed;           // the same for decoder lanes
    uint64_t flops;                         // multiplied and added by this process, padding left out
    size_t threads, slots, batch_tokens;    // of the plan
    uint64_t records_resumed;               // of the records: taken from the checkpoints of an earlier run
    // Source tokens that the vocabulary has not; records whose best hypothesis ended at its limit and not with an end token.
    uint64_t tokens_unknown, records_truncated;
    size_t rank, world_size;                                       // of the process, as the run has them
    uint64_t tokens_in_resumed, tokens_out_resumed, bytes_resumed; // like records_resumed, of the tokens and bytes
} grus_progress;

GRUS_API void grus_progress_init(grus_progress *progress, size_t size);

typedef enum grus_shard_event_kind {
    GRUS_SHARD_BEGUN,  // reading has
    GRUS_SHARD_DONE,   // committed
    GRUS_SHARD_FAILED, // error says why
} grus_shard_event_kind;

typedef struct grus_shard_event {
    size_t size;
    grus_shard_event_kind kind;
    const char *path, *name;                           // of the input; name without its directory
    uint64_t records, records_failed, records_resumed; // of the shard, when it is done
    const grus_error *error;                           // NULL unless it has failed
} grus_shard_event;

// on_progress is called about ten times a second from one thread, and once at the end with final = true;
// on_shard_error once for each shard that failed; on_shard for each event of a shard. One at a time, from threads of the run.
// Any may be NULL. What they are given lives as long as the call.
typedef struct grus_run_events {
    size_t size;
    void *context;
    void (*on_plan)(void *context, const grus_progress *plan);
    void (*on_progress)(void *context, const grus_progress *progress, bool final);
    void (*on_shard_error)(void *context, const grus_error *error);
    grus_warning_fn *on_warning;
    void (*on_shard)(void *context, const grus_shard_event *event);
} grus_run_events;

GRUS_API void grus_run_events_init(grus_run_events *events, size_t size);

// Runs the model over every shard of the inputs into outdir, skipping what is done. Returns GRUS_OK, GRUS_E_FAILED after
// some shard failed, or the error that ended the run; last (may be NULL, else of grus_progress_init) receives the final
// figures in every case. events may be NULL.
// All that a run has allocated is freed when it returns. The C library may keep that memory for later; in glibc each arena
// keeps about what any thread has needed of it. How many arenas there are (MALLOC_ARENA_MAX, mallopt) is the caller's choice.
GRUS_API grus_status grus_run(const grus_model *model, const grus_run_options *options, const grus_run_events *events,
                              grus_progress *last, grus_error *error);

// How many tasks a run with these inputs, recursive, filelist and outdir may have, so that none has more than per_task bytes of
// shards as far as these allow, and what each would have: the text of `grus plan`, or JSON. Nothing is read but names and
// sizes. The caller frees *text with grus_text_free. GRUS_E_USAGE: standard input; GRUS_E_INPUT: an input cannot be opened.
GRUS_API grus_status grus_run_propose(const grus_run_options *options, uint64_t per_task, bool as_json, grus_text *text,
                                      grus_error *error);

// Runs the model over JSONL records in memory (size bytes), in the calling thread: *output gets one line for each line,
// as a shard would; the caller frees it with grus_text_free. Of options what inputs, outdir, shards and threads need is
// not looked at. With fail_on_error the first record in error is GRUS_E_FAILED. GRUS_FORMAT_NPY and
// GRUS_FORMAT_SAFETENSORS are GRUS_E_USAGE.
GRUS_API grus_status grus_annotate(const grus_model *model, const grus_run_options *options, const char *lines,
                                   size_t size, grus_text *output, grus_error *error);

// ---- records in memory, without JSON ----

// Sequences laid end to end, of what the model takes: one of text, ids and features is there, the others are NULL. A model
// of ids takes text too, decimal integers; any other model of tokens takes ids of its vocabulary, around which what it puts
// around a text is put.
typedef struct grus_sequences {
    size_t size;
    size_t n;
    const size_t *lengths; // (n) bytes of text, ids, or rows of features
    const char *text;      // UTF-8
    const uint64_t *ids;
    const float *features; // (rows, grus_model_feature_dim) row-major
    // What is drawn hangs on the number of a record in its shard and on the shard's name: that of the first, and the stem
    // of the name. NULL: as of standard input.
    uint64_t first;
    const char *shard;
} grus_sequences;

// None, and 1 for first: what the first line of a shard has.
GRUS_API void grus_sequences_init(grus_sequences *sequences, size_t size);

// In all that follows what belongs to record i is from offsets[i] to offsets[i + 1]: nothing where it is in error. A list
// is NULL where it was not asked for, or is empty.

// Hypotheses, those of a record best first; of GRUS_TASK_SCORE the target, as the only one.
typedef struct grus_hypotheses {
    size_t size;
    size_t n;
    const size_t *offsets;           // (records + 1)
    const double *scores, *logprobs; // (n); `grus run` tells them as float
    const bool *ended;               // (n) with the end token, and not at a limit
    const size_t *token_offsets; // (n + 1) the tokens of hypothesis j: from token_offsets[j] to token_offsets[j + 1]
    const uint32_t *tokens;      // the end token's id included where it has one
    const float *token_logprobs; // of each token, with token_scores
    const size_t *text_offsets;  // (n + 1) like token_offsets; NULL of GRUS_TASK_SCORE
    const char *text;            // UTF-8; of a model of ids decimal numbers with spaces between them
} grus_hypotheses;

// What a head says. A row is a record, on token heads a position, and of ctc a label that is left.
typedef struct grus_head_results {
    size_t size;
    size_t head;            // its number
    size_t columns;         // numbers of a row
    const size_t *offsets;  // (records + 1) in rows
    const uint32_t *labels; // (rows) the likeliest, where a head has one of a row and GRUS_HEAD_LABELS was asked for
    const float *probs;     // (rows) of these labels; NULL where positions decide together
    const float *numbers;   // (rows, columns) of any other: what it decides by, probabilities or linear outputs
    float threshold;        // labels whose numbers are at or above it are told; NAN: numbers are all that is told
    const size_t *text_offsets; // (records + 1) of ctc
    const char *text;           // UTF-8: labels with what stands between them
    const double *scores;       // (records) of ctc; 0 in error
} grus_head_results;

// Everything belongs to the results and lives until they are freed, also when their runner is freed before.
typedef struct grus_results {
    size_t size;
    size_t n;                    // records
    const char *const *errors;   // (n) why a record is in error, \0-terminated; NULL: it is not
    const char *const *causes;   // (n) the short name that reports count by; NULL with errors
    const size_t *positions;     // (n) source positions behind the front; 0 in error
    size_t dim;                  // columns of embeddings and states
    const float *embeddings;     // (n, dim) row-major; NaN in error
    const size_t *state_offsets; // (n + 1) in rows
    const float *states;         // (rows, dim)
    // A row for each token of the best hypothesis, or the one of a pooling; positions[i] columns. With attention_heads each
    // row is one for each head.
    const size_t *attention_offsets; // (n + 1) in weights
    const float *attention;
    const grus_hypotheses *hypotheses; // of seq2seq models
    size_t n_heads;                    // that the task selects
    const grus_head_results *const *heads;
} grus_results;

GRUS_API void grus_results_free(grus_results *results);

// Runs a model over records in memory, in the thread that calls it, and keeps its memory from call to call: no more than a
// run with one thread takes, and the results. One thread at a time has a runner; the model may have many.
typedef struct grus_runner grus_runner;

// Of options what inputs, outdir, shards and threads need is not looked at. What options point to, and the model, must
// outlive the runner, which the caller frees.
GRUS_API grus_status grus_runner_new(const grus_model *model, const grus_run_options *options, grus_runner **runner,
                                     grus_error *error);
GRUS_API void grus_runner_free(grus_runner *runner);

// Every result is, to the bit, the one that a shard with the records gives. targets are the n forced targets of
// GRUS_TASK_SCORE, or with prefix_key the prefixes, of which first and shard are not looked at; else NULL. The caller frees
// *results with grus_results_free; after an error it is NULL, and the runner may be used again. With fail_on_error the first
// record in error is GRUS_E_FAILED. GRUS_E_USAGE: sequences of what the model does not take. GRUS_E_INTERRUPTED: the stop
// of options was asked for.
GRUS_API grus_status grus_runner_run(grus_runner *runner, const grus_sequences *sources, const grus_sequences *targets,
                                     grus_results **results, grus_error *error);

// The CPUs that this process may keep busy, by its affinity mask and its cgroup's quota: what threads = 0 stands for.
GRUS_API size_t grus_cpu_count(void);

// ---- after a run ----

typedef enum grus_shard_state {
    GRUS_STATE_DONE,    // its output is there, as long as its manifest says
    GRUS_STATE_PARTIAL, // a process that is alive, or on another host, boot or pid namespace, has begun it
    GRUS_STATE_BROKEN,  // of output and manifest one is missing, or they do not fit
    GRUS_STATE_MISSING,
} grus_shard_state;

typedef struct grus_shard_overview {
    size_t size;
    const char *input; // the file's name
    size_t rank;       // whose it is
    grus_shard_state state;
    uint64_t records, records_failed; // of one that is done
    char detail[160];                 // why it is not done, or "" when there is no more to say
    const char *cause;      // why it failed when it was tried last, as FILE:PLACE: CAUSE; NULL: it did not, or was not
    const char *cause_time; // when, as 2026-11-28T19:20:00Z; NULL with cause
    // Of one that is done. errors are its records by the short names of causes, as far as its manifest tells.
    uint64_t input_bytes, output_bytes;
    size_t n_errors;
    const struct grus_survey_count *const *errors; // (n_errors)
} grus_shard_overview;

// What OUTDIR holds of its run. Everything belongs to the overview and lives until it is freed.
typedef struct grus_overview {
    size_t size;
    size_t world_size;
    size_t n;                                 // shards of the run
    const grus_shard_overview *const *shards; // (n) in the order of the run
    size_t done, partial, broken, missing;
    size_t failed; // shards that have a cause, or failed in the last run of their rank, as its report says
    uint64_t records, records_failed; // of the done ones
    // What has shards left, as Slurm's --array takes it; "" for nothing: elements of the array that the run began in, or
    // ranks where it began in none.
    const char *retry;
    size_t n_stale;
    const char *const
        *stale;    // (n_stale) partial files of other hosts, boots or pid namespaces, untouched for over 7 days
    bool in_array; // the run began in a job array
} grus_overview;

// Looks at run.json, manifests, reports and the names of partial files, and changes nothing. The caller frees
// *overview. GRUS_E_OUTPUT: outdir is not the output directory of a run. After an error *overview is NULL.
GRUS_API grus_status grus_outdir_examine(const char *outdir, grus_overview **overview, grus_error *error);
GRUS_API void grus_overview_free(grus_overview *overview);

// The overview as `grus status` prints it, with --json or without. The caller frees *text with grus_text_free.
GRUS_API grus_status grus_overview_describe(const grus_overview *overview, bool as_json, grus_text *text,
                                            grus_error *error);

typedef struct grus_verify_options {
    size_t size;
    const char *const *inputs; // (n_inputs, may be 0) shards or directories of shards, compared with the manifests too
    size_t n_inputs;
    void (*on_difference)(void *context, const grus_error *difference); // may be NULL
    void *context;                                                      // of on_difference
} grus_verify_options;

GRUS_API void grus_verify_options_init(grus_verify_options *options, size_t size);

typedef struct grus_verified {
    size_t size;
    uint64_t shards;                         // of the run
    uint64_t outputs;                        // that have a manifest and were read
    uint64_t missing;                        // shards with neither output nor manifest: not done, and no difference
    uint64_t inputs;                         // compared
    uint64_t records, records_failed, bytes; // of the outputs read
    uint64_t differences;
} grus_verified;

GRUS_API void grus_verified_init(grus_verified *counts, size_t size);

// Reads every output of outdir again and compares it with its manifest, and the inputs by name with the manifests of
// their outputs. Each difference is given to on_difference. options NULL: outputs alone.
// GRUS_E_FAILED: there are differences. GRUS_E_OUTPUT: outdir is not the output directory of a run, or cannot be read.
// counts (may be NULL, else of grus_verified_init) is filled in every case.
GRUS_API grus_status grus_outdir_verify(const char *outdir, const grus_verify_options *options, grus_verified *counts,
                                        grus_error *error);

// ---- the attention of one record ----

// What a head of an encoder model says: of the whole record, or of each source position.
typedef struct grus_attention_head {
    size_t size;
    const char *name;
    size_t n;                  // 1; on_token: the columns of the map
    const char *const *labels; // (n)
    const float *probs;        // (n)
    bool on_token;
} grus_attention_head;

// Where a model looked. Source positions (bos and eos included where the model puts them) are columns; rows are the
// steps of a decoder, the end token's included, or the one row of a pooling by attention. Each row sums to 1; a source
// of length 0 has rows and no columns. All strings are \0-terminated UTF-8 of the vocabularies, never NULL but for
// output; a \0 inside a token appears as U+2400. Everything belongs to the map and lives until it is freed.
typedef struct grus_attention_map {
    size_t size;
    size_t rows, columns;
    const float *weights;             // (rows, columns) row-major
    const char *const *row_tokens;    // (rows) the generated tokens; "" for a pooling
    const char *const *column_tokens; // (columns) "" for features, and behind a front that moves positions
    const char *output;               // the decoder's text, as `grus run` would print it; NULL for encoder models
    double score, logprob;            // of the output; 0 for encoder models
    size_t n_heads;                   // of those with softmax alone; 0 for seq2seq models
    const grus_attention_head *const *heads; // (n_heads)
    size_t n_attention_heads;                // of an attention that has heads, of which weights are the mean; else 0
    const float *head_weights;               // (n_attention_heads, rows, columns); NULL without
} grus_attention_map;

// Runs the model on one text (of `length` bytes, valid UTF-8) and makes *map, which the caller frees with
// grus_attention_map_free. For a model of ids the text is decimal integers, for one of features a JSON list of lists.
// search NULL: the model's own; encoder models do not look at it. GRUS_E_USAGE: the model has no attention, or search
// contradicts itself. GRUS_E_FAILED: the record is in error, as `grus run` would mark it. After an error *map is NULL.
GRUS_API grus_status grus_attend_text(const grus_model *model, const char *text, size_t length,
                                      const grus_search *search, grus_attention_map **map, grus_error *error);
GRUS_API void grus_attention_map_free(grus_attention_map *map);

// ---- what the outputs of a run say ----

typedef struct grus_survey_options {
    size_t size;
    size_t samples;   // records that are kept to be shown, at most; and a third as many of those in error
    uint64_t records; // of each output that are read, from its beginning, at most
} grus_survey_options;

// 12 samples; all records.
GRUS_API void grus_survey_options_init(grus_survey_options *options, size_t size);

// A name with what it says. Texts of a survey are \0-terminated, a \0 inside appears as U+2400; they are as the directory
// has them, mostly UTF-8.
typedef struct grus_survey_fact {
    size_t size;
    const char *name, *value;
} grus_survey_fact;

// How often a text was found: an error, or a label of the head `name`.
typedef struct grus_survey_count {
    size_t size;
    const char *name; // NULL: of an error
    const char *text;
    uint64_t n;
} grus_survey_count;

// Numbers of one kind, counted.
typedef struct grus_survey_tally {
    size_t size;
    const char *name; // "source", "target", "output", "score", "norm", or that of a head, whose prob or score it is
    const char *unit; // "characters", "tokens", "positions" of a length; "" of a value
    uint64_t n;       // numbers, at least 1
    double min, max, mean;  // of them
    double low, width;      // bin i counts the x with low + i width <= x < low + (i + 1) width
    size_t bins;            // the first and the last hold something
    const uint64_t *counts; // (bins)
} grus_survey_tally;

// Of one shard, beside what grus_shard_overview says. Times are nanoseconds since 1970, 0 where they are not known: of files,
// as their system has them.
typedef struct grus_survey_shard {
    size_t size;
    uint64_t input_bytes, output_bytes;
    // The shard before it in its rank was written or, where that is later, the rank's process began. Of a process that left no
    // report the making of the output stands for its beginning.
    int64_t begun;
    int64_t written;   // its manifest was
    uint64_t read;     // records of its output that were
    const char *fault; // why its output could not be read, or does not fit its manifest; NULL: it could, and does
} grus_survey_shard;

// What the last process of a rank left in its report.json. What it does not say is 0, "" or NULL.
typedef struct grus_survey_rank {
    size_t size;
    size_t rank;
    int64_t ended; // its report was written, nanoseconds since 1970
    const char *outcome;
    double seconds, records_per_second, tokens_in_per_second, tokens_out_per_second, workers_busy, padding, lanes_idle;
    uint64_t shards_done, shards_failed, records, records_failed, tokens_in, tokens_out, tokens_unknown;
    uint64_t records_truncated, threads, peak_memory;
    const char *cpu, *kernel, *compute_type, *version;
    size_t n_errors;
    const grus_survey_count *const *errors; // (n_errors) of records by short names of causes
} grus_survey_rank;

// One record of an output. NULL, and 0 with has_score false: it has no such thing.
typedef struct grus_survey_sample {
    size_t size;
    const char *input; // its shard
    uint64_t record;   // its number there, from 1
    const char *error; // what was wrong with it; all that follows source and target is then missing
    const char *source, *target;
    const char *output; // the text, or the tokens' ids
    bool has_score;
    double score, logprob;
    size_t n_heads;
    const grus_attention_head *const *heads; // (n_heads) probs NULL where the record has none
    size_t n_values;
    const float *values; // (n_values) of the embedding
    size_t n_token_logprobs;
    const float *token_logprobs; // (n_token_logprobs)
    // The attention, or the alignment as weights of 0 and 1, with no heads and without the output. Tokens are the words or
    // the characters of the texts where the numbers of both go together in every record that was read, else "".
    const grus_attention_map *map;
} grus_survey_sample;

// Everything belongs to the survey and lives until it is freed.
typedef struct grus_survey {
    size_t size;
    const grus_overview *overview;
    const grus_survey_shard *const *shards; // (overview->n) in its order
    size_t n_settings;
    const grus_survey_fact *const *settings; // (n_settings) what run.json says, the inputs left out
    int64_t begun;                           // run.json was written, nanoseconds since 1970
    size_t n_ranks;
    const grus_survey_rank *const *ranks; // (n_ranks) that left a report
    uint64_t read, failed, unreadable;    // records that were read; of them in error; lines too long or not understood
    bool is_whole;                        // every record of every shard that is done was read
    bool has_records;                     // the outputs' format has records that can be read
    size_t n_errors, n_labels, n_tallies, n_samples;
    const grus_survey_count *const *errors;   // (n_errors) the most frequent first, numbers in them as N
    const grus_survey_count *const *labels;   // (n_labels) head by head, the most frequent first
    uint64_t uncounted;                       // errors and labels for which there was no room
    const grus_survey_tally *const *tallies;  // (n_tallies)
    const grus_survey_sample *const *samples; // (n_samples) in the order of the run, those in error first
} grus_survey;

// Reads the outputs of outdir that are done, and what lies beside them, in memory that does not grow with them, and changes
// nothing. Which records are kept hangs on the names of the shards and the records' numbers alone, not on chance. The caller frees *survey.
// GRUS_E_OUTPUT: outdir is not the output directory of a run. After an error *survey is NULL; an output that cannot be read
// is none.
GRUS_API grus_status grus_outdir_survey(const char *outdir, const grus_survey_options *options, grus_survey **survey,
                                        grus_error *error);
GRUS_API void grus_survey_free(grus_survey *survey);

// What `grus status --json` prints: the overview as grus_overview_describe gives it, with sums over all shards and, rank by rank,
// over those of each, and what the ranks' last processes left in their reports. Nothing of the records is in it. The caller
// frees *text with grus_text_free.
GRUS_API grus_status grus_survey_describe(const grus_survey *survey, grus_text *text, grus_error *error);

// ---- benchmarks ----

// One part of a run, or the whole of it, repeated until its time is up.
typedef struct grus_benchmark_part {
    size_t size;
    const char *name; // "read", "parse", "encode", "infer", "format", "write", "run"
    size_t threads;   // that do it
    size_t repetitions;
    double records, tokens;     // source records and positions that one repetition goes through
    double bytes;               // of text, where it is about text, else 0
    double flops;               // attention's scores left out; 0 where it computes nothing
    double min, median, max;    // seconds of one repetition
    double cpu;                 // seconds of CPU time of all threads, the median
    double padding, rows_empty; // shares of encoder positions and decoder rows computed for nobody
} grus_benchmark_part;

// Where a benchmark is.
typedef struct grus_benchmark_progress {
    size_t size;
    const char *name;         // of the part that is measured, as above; NULL while the records are read
    size_t part, parts;       // from 1, of so many; 0 while the records are read
    size_t repetition;        // of the part, from 1
    double seconds;           // since the benchmark began
    const grus_progress *run; // how far the repetition of "run" is; NULL in all others, and at its beginning
} grus_benchmark_progress;

typedef struct grus_benchmark_options {
    size_t size;
    double seconds;         // for each part, about; another repetition begins where it is likely to end in them
    size_t records;         // that the parts are measured on, at most
    size_t run_records;     // the first so many of the inputs are what "run" takes; 0: all
    size_t run_repetitions; // of "run", whatever time they take; at least 1. The other parts have 3
    void *context;          // of on_progress
    // At the beginning of each repetition, and while the one of "run" goes on. One at a time. NULL: nobody is told.
    void (*on_progress)(void *context, const grus_benchmark_progress *progress);
} grus_benchmark_options;

// 2 seconds, 20,000 records; all records of the inputs, three times.
GRUS_API void grus_benchmark_options_init(grus_benchmark_options *options, size_t size);

// Everything belongs to the result and lives until it is freed.
typedef struct grus_benchmark_result {
    size_t size;
    size_t n;
    const grus_benchmark_part *const *parts;     // (n) in the order in which they were measured
    uint64_t records, records_failed, positions; // that the parts were measured on
    size_t cores;                                // CPUs that the process may use, by its affinity and its cgroup
    bool run_is_cut;                             // "run" took the inputs' first records alone; there are more
} grus_benchmark_result;

// Measures the parts of a run one by one on the inputs' first records, held in memory, then a whole grus_run over the
// inputs into a temporary directory (TMPDIR, else /tmp), which also holds a copy of an input of which it takes the first
// records alone. Without inputs, batches of log-normal lengths and random ids are made up, and what needs text is left
// out. run are the options of the run, its inputs included; how NULL: the defaults. The caller frees *result with grus_benchmark_result_free; after an error it is NULL.
GRUS_API grus_status grus_benchmark(const grus_model *model, const grus_run_options *run,
                                    const grus_benchmark_options *how, grus_benchmark_result **result,
                                    grus_error *error);
GRUS_API void grus_benchmark_result_free(grus_benchmark_result *result);

// The result as JSON, as `grus bench --json` writes it: with the date, the processor, its caches, the cores, the versions of what took
// part, and of the work the model's hash and these names of the inputs. The caller frees *text with grus_text_free.
GRUS_API grus_status grus_benchmark_describe(const grus_model *model, const char *const *inputs, size_t n_inputs,
                                             const grus_benchmark_result *result, grus_text *text, grus_error *error);

// Two such files side by side, as a table or as JSON: in what machines and work differ; of each part the records a second by the
// medians, their ratio, the least and the most that the slowest and the fastest repetitions allow, and the ratio by CPU
// time. The caller frees *text with grus_text_free. GRUS_E_INPUT: a file cannot be read, or is not one of these.
GRUS_API grus_status grus_benchmark_compare(const char *before, const char *after, bool as_json, grus_text *text,
                                            grus_error *error);

#ifdef __cplusplus
}
#endif
#endif
