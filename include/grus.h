// grus.h: the public interface of libgrus, and all of it.
//
// Load a model directory, run it over shards of records, or over records held in memory; ask what a model or a shard
// holds. Every function that can fail returns a grus_status and fills a grus_error; the library prints nothing and
// never ends the process. Strings are UTF-8. A model is immutable after loading and may be shared by threads.
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

typedef struct grus_error {
    grus_status status;
    char file[1024]; // what the error is about: a path, or "" when it is about none
    char place[256]; // line, byte offset, key or tensor inside it, or ""
    char cause[768]; // what is wrong, and what was expected
} grus_error;

// Writes "FILE:PLACE: CAUSE" (empty parts left out) into text, always terminated, control characters as question marks;
// returns text.
GRUS_API const char *grus_error_text(const grus_error *error, char *text, size_t size);

GRUS_API const char *grus_version(void);

// The micro-kernel in use ("skx", "haswell", …), decided at the first call; see doc/grus.1, BLIS_ARCH_TYPE.
GRUS_API const char *grus_kernel_name(void);

// ---- models ----

typedef struct grus_model grus_model;

typedef void grus_warning_fn(void *context, const char *text);

typedef enum grus_load_flags {
    GRUS_LOAD_STRICT = 1,         // a tensor that the configuration does not use is an error, not a warning
    GRUS_LOAD_ALLOW_NONFINITE = 2 // a NaN or an infinity among the weights is a warning, not an error
} grus_load_flags;

// Reads DIR/config.json and what it names. flags are grus_load_flags; warnings go to warn (may be NULL). The caller
// frees *model.
GRUS_API grus_status grus_model_load_with(const char *dir, unsigned flags, grus_warning_fn *warn, void *context,
                                          grus_model **model, grus_error *error);
// The same with GRUS_LOAD_STRICT or without any flag.
GRUS_API grus_status grus_model_load(const char *dir, bool strict, grus_warning_fn *warn, void *context,
                                     grus_model **model, grus_error *error);
GRUS_API void grus_model_free(grus_model *model);

// Prints the architecture, parameters, FLOPs a token and memory a lane, as the table of `grus inspect MODEL`.
GRUS_API grus_status grus_model_describe(const grus_model *model, FILE *to, grus_error *error);

// Prints the frames, sizes and record count of a shard, as `grus inspect SHARD`; reads all of it.
GRUS_API grus_status grus_shard_describe(const char *path, size_t max_record, FILE *to, grus_error *error);

// ---- runs ----

typedef enum grus_task {
    GRUS_TASK_OWN,
    GRUS_TASK_EMBED,
    GRUS_TASK_CLASSIFY,
    GRUS_TASK_TAG,
    GRUS_TASK_TRANSLATE,
    GRUS_TASK_SCORE
} grus_task;
typedef enum grus_length_norm { GRUS_NORM_NONE, GRUS_NORM_AVG, GRUS_NORM_GNMT } grus_length_norm;
typedef enum grus_attention_output {
    GRUS_ATTENTION_NONE,
    GRUS_ATTENTION_SOFT,
    GRUS_ATTENTION_HARD
} grus_attention_output;
typedef enum grus_format { GRUS_FORMAT_JSONL, GRUS_FORMAT_TXT, GRUS_FORMAT_NPY } grus_format;

// The lists of words: what the command line, config.json and run.json call the values of an enumeration.
typedef enum grus_name_list {
    GRUS_NAMES_TASK,        // grus_task
    GRUS_NAMES_LENGTH_NORM, // grus_length_norm
    GRUS_NAMES_ATTENTION,   // grus_attention_output
    GRUS_NAMES_FORMAT,      // grus_format
    GRUS_NAMES_SHARD_STATE, // grus_shard_state
} grus_name_list;

// The words of a list, in the order of its enumeration, with NULL behind the last; NULL for a list that this library does
// not have. They live as long as the library.
GRUS_API const char *const *grus_names(grus_name_list list);

// Search options; a model's own defaults come from "generation" in its config.json.
typedef struct grus_search {
    size_t beam_size;
    size_t n_best;
    grus_length_norm length_norm;
    double length_penalty;    // alpha
    double max_length_factor; // steps a source position
    size_t max_length;        // steps, the end token's included
    size_t min_length;        // tokens before the end token may come
} grus_search;

// The place of a process in a job array. The first process of a run writes how its array is numbered into run.json;
// later ones find their rank by that, as an array that runs some elements again has another first one and another size.
typedef struct grus_array_place {
    size_t id, first, step; // of the array's elements
    size_t task, tasks;     // of the element's processes; tasks 0: there is no array
} grus_array_place;

typedef struct grus_run_options {
    grus_task task;
    grus_search search;
    grus_attention_output attention;
    bool token_scores;
    const char *text_key, *id_key, *target_key; // JSONL fields
    size_t text_column, target_column;          // TSV columns, from 1
    size_t threads;                             // 0: what the affinity mask and the cgroup quota allow
    size_t batch_tokens;                        // source positions a batch; 0: the default. Never changes a result
    size_t max_memory;                          // bytes; 0: no bound asked
    bool fail_on_error;                         // --on-error fail
    size_t max_record;                          // bytes of one record
    int level;                                  // zstd level of the output
    grus_format format;
    size_t rank, world_size;
    bool launched;             // these are a launcher's: where the run has another world size already, that one holds
    grus_array_place array;    // where launched
    size_t checkpoint_records; // between two checkpoints of a shard, at most; 0: none. Never changes a result
    const char *report;        // NULL: OUTDIR/report.json
    uint64_t seed;
    bool strict;
    bool dry_run;
} grus_run_options;

// Fills options with the defaults of the command line and of the model (NULL: none).
GRUS_API void grus_run_options_init(grus_run_options *options, const grus_model *model);

typedef struct grus_progress {
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
} grus_progress;

// on_progress is called about ten times a second from one thread, and once at the end with final = true;
// on_shard_error once for each shard that failed. Either may be NULL.
typedef struct grus_run_events {
    void *context;
    void (*on_plan)(void *context, const grus_progress *plan);
    void (*on_progress)(void *context, const grus_progress *progress, bool final);
    void (*on_shard_error)(void *context, const grus_error *error);
    grus_warning_fn *on_warning;
} grus_run_events;

// Runs the model over every shard of the inputs (files, directories, or "-") into outdir ("-" with "-"), skipping what
// is done. Returns GRUS_OK, GRUS_E_FAILED after some shard failed, or the error that ended the run; last (may be NULL)
// receives the final figures in every case.
// All that a run has allocated is freed when it returns. The C library may keep that memory for later; in glibc each arena
// keeps about what any thread has needed of it. How many arenas there are (MALLOC_ARENA_MAX, mallopt) is the caller's choice.
GRUS_API grus_status grus_run(const grus_model *model, const char *const *inputs, size_t n_inputs, const char *outdir,
                              const grus_run_options *options, const grus_run_events *events, grus_progress *last,
                              grus_error *error);

// Runs the model over JSONL records in memory, in the calling thread: *output gets one line for each line, as a shard
// would; the caller frees it. Of options what shards and threads need is not looked at. With fail_on_error the first
// record in error is GRUS_E_FAILED. GRUS_FORMAT_NPY is GRUS_E_USAGE.
GRUS_API grus_status grus_annotate(const grus_model *model, const grus_run_options *options, const char *lines,
                                   size_t size, char **output, size_t *output_size, grus_error *error);

// Asks every grus_run of this process to stop; safe in a signal handler.
GRUS_API void grus_run_stop(void);

// ---- after a run ----

typedef enum grus_shard_state {
    GRUS_STATE_DONE,    // its output is there, as long as its manifest says
    GRUS_STATE_PARTIAL, // a process that is alive, or on another host, has begun it
    GRUS_STATE_BROKEN,  // of output and manifest one is missing, or they do not fit
    GRUS_STATE_MISSING,
} grus_shard_state;

typedef struct grus_shard_overview {
    const char *input; // the file's name
    size_t rank;       // whose it is
    grus_shard_state state;
    uint64_t records, records_failed; // of one that is done
    char detail[160];                 // why it is not done, or "" when there is no more to say
} grus_shard_overview;

// What OUTDIR holds of its run. Everything belongs to the overview and lives until it is freed.
typedef struct grus_overview {
    size_t world_size;
    size_t n;                          // shards of the run
    const grus_shard_overview *shards; // (n) in the order of the run
    size_t done, partial, broken, missing;
    size_t failed;                    // of those that are not done, in the last run of their rank, as its report says
    uint64_t records, records_failed; // of the done ones
    // What has shards left, as Slurm's --array takes it; "" for nothing: elements of the array that the run began in, or
    // ranks where it began in none.
    const char *retry;
    size_t n_stale;
    const char *const *stale; // (n_stale) partial files of other hosts, untouched for more than 7 days
    void *memory;             // the library's
} grus_overview;

// Looks at run.json, manifests, reports and the names of partial files, and changes nothing. The caller frees
// *overview. GRUS_E_OUTPUT: outdir is not the output directory of a run. After an error *overview is empty.
GRUS_API grus_status grus_outdir_examine(const char *outdir, grus_overview *overview, grus_error *error);
GRUS_API void grus_overview_free(grus_overview *overview);

// Prints it as `grus status` does, with --json or without.
GRUS_API grus_status grus_overview_print(const grus_overview *overview, bool as_json, FILE *to, grus_error *error);

typedef struct grus_verified {
    uint64_t shards;                         // of the run
    uint64_t outputs;                        // that have a manifest and were read
    uint64_t missing;                        // shards with neither output nor manifest: not done, and no difference
    uint64_t inputs;                         // compared
    uint64_t records, records_failed, bytes; // of the outputs read
    uint64_t differences;
} grus_verified;

// Reads every output of outdir again and compares it with its manifest, and the inputs (files or directories, n_inputs
// may be 0) by name with the manifests of their outputs. Each difference is given to on_difference (may be NULL).
// GRUS_E_FAILED: there are differences. GRUS_E_OUTPUT: outdir is not the output directory of a run, or cannot be read.
// counts (may be NULL) is filled in every case.
GRUS_API grus_status grus_outdir_verify(const char *outdir, const char *const *inputs, size_t n_inputs,
                                        void (*on_difference)(void *context, const grus_error *difference),
                                        void *context, grus_verified *counts, grus_error *error);

// ---- the attention of one record ----

// What a head of an encoder model says: of the whole record, or of each source position.
typedef struct grus_attention_head {
    const char *name;
    bool on_token;
    size_t n;                  // 1; on_token: the columns of the map
    const char *const *labels; // (n)
    const float *probs;        // (n)
} grus_attention_head;

// Where a model looked. Source positions (bos and eos included where the model puts them) are columns; rows are the
// steps of a decoder, the end token's included, or the one row of a pooling by attention. Each row sums to 1; a source
// of length 0 has rows and no columns. All strings are \0-terminated UTF-8 of the vocabularies, never NULL but for
// output; a \0 inside a token appears as U+2400. Everything belongs to the map and lives until it is freed.
typedef struct grus_attention_map {
    size_t rows, columns;
    const float *weights;             // (rows, columns) row-major
    const char *const *row_tokens;    // (rows) the generated tokens; "" for a pooling
    const char *const *column_tokens; // (columns) "" for a source of features
    const char *output;               // the decoder's text, as `grus run` would print it; NULL for encoder models
    double score, logprob;            // of the output; 0 for encoder models
    size_t n_heads;                   // 0 for seq2seq models
    const grus_attention_head *heads; // (n_heads)
    void *memory;                     // the library's
} grus_attention_map;

// Runs the model on one text (of `length` bytes, valid UTF-8) and fills *map, which the caller frees with
// grus_attention_map_free. For a model of ids the text is decimal integers, for one of features a JSON list of lists.
// search NULL: the model's own; encoder models do not look at it. GRUS_E_USAGE: the model has no attention, or search
// contradicts itself. GRUS_E_FAILED: the record is in error, as `grus run` would mark it. After an error *map is empty.
GRUS_API grus_status grus_attend_text(const grus_model *model, const char *text, size_t length,
                                      const grus_search *search, grus_attention_map *map, grus_error *error);
GRUS_API void grus_attention_map_free(grus_attention_map *map);

// ---- benchmarks ----

// One part of a run, or the whole of it, repeated until its time is up.
typedef struct grus_benchmark_part {
    char name[24];  // "read", "parse", "encode", "infer", "format", "write", "run"
    size_t threads; // that do it
    size_t repetitions;
    double records, tokens;     // source records and positions that one repetition goes through
    double bytes;               // of text, where it is about text, else 0
    double flops;               // attention's scores left out; 0 where it computes nothing
    double min, median, max;    // seconds of one repetition
    double cpu;                 // seconds of CPU time of all threads, the median
    double padding, rows_empty; // shares of encoder positions and decoder rows computed for nobody
} grus_benchmark_part;

#define GRUS_BENCHMARK_PARTS 8

typedef struct grus_benchmark_options {
    double seconds; // for each part, about
    size_t records; // that the parts are measured on, at most
} grus_benchmark_options;

typedef struct grus_benchmark_result {
    size_t n;
    grus_benchmark_part parts[GRUS_BENCHMARK_PARTS];
    uint64_t records, records_failed, positions; // that the parts were measured on
} grus_benchmark_result;

// Measures the parts of a run one by one on the inputs' first records, held in memory, then a whole grus_run over all
// of the inputs into a temporary directory (TMPDIR, else /tmp). Without inputs, batches of log-normal lengths and
// random ids are made up, and what needs text is left out. options are those of the run.
GRUS_API grus_status grus_benchmark(const grus_model *model, const char *const *inputs, size_t n_inputs,
                                    const grus_run_options *options, const grus_benchmark_options *how,
                                    grus_benchmark_result *result, grus_error *error);

#ifdef __cplusplus
}
#endif
#endif
