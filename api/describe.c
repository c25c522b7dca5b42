// describe.c: a model or a shard as a table for people.
#include "config.h"

#include "grus.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "io/shard/features.h"
#include "io/shard/lines.h"
#include "io/shard/record.h"
#include "scheduler/model.h"

static grus_status check_written(FILE *to, grus_error *error)
{
    if (fflush(to) == 0 && !ferror(to))
        return GRUS_OK;
    return grus_fail(error, GRUS_E_OUTPUT, NULL, NULL, "cannot be printed: %s", strerror(errno));
}

// ---- models ----

#define NAME_BYTES 256 // of a name, as far as it is shown

static const char *printable(const char *name, char text[NAME_BYTES])
{
    snprintf(text, NAME_BYTES, "%s", name);
    grus_make_printable(text);
    return text;
}

static void print_parts(FILE *to, const grus_part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%s%s", i ? " + " : "", grus_part_names[parts[i]]);
}

static void print_attention(FILE *to, const grus_attention_config *attention)
{
    fprintf(to, "%s", grus_score_names[attention->score]);
    if (attention->score == GRUS_SCORE_ADDITIVE)
        fprintf(to, ", size %zu", attention->size);
    if (attention->temperature < 1 || attention->temperature > 1)
        fprintf(to, ", temperature %g", attention->temperature);
}

static void print_pooling(FILE *to, const grus_pooling_config *pooling)
{
    fprintf(to, "pooling       %s", grus_pooling_names[pooling->kind]);
    if (pooling->kind == GRUS_POOL_ATTENTION) {
        fprintf(to, " of a %s query, ", pooling->learned_query ? "learned" : "last_hidden");
        print_attention(to, &pooling->attention);
    }
    fprintf(to, "%s\n", pooling->normalize ? ", normalised" : "");
}

static void print_encoder(FILE *to, const grus_model *model)
{
    const grus_config *config = &model->config;
    fprintf(to, "model         %s, %s\n", model->dir, config->seq2seq ? "seq2seq" : "encoder");
    if (config->features)
        fprintf(to, "source        features of %zu values\n", config->feature_dim);
    else
        fprintf(to, "source        %s, %zu tokens, embedding of %zu\n", grus_tokenizer_names[config->tokenizer.kind],
                model->facts.source_vocab, config->embedding_dim);
    fprintf(to, "encoder       GRU, %zu %s of %zu units, %s\n", config->encoder.num_layers,
            config->encoder.num_layers == 1 ? "layer" : "layers", config->encoder.hidden_size,
            config->encoder.bidirectional ? "both directions" : "forward");
    if (config->pooling.kind != GRUS_POOL_NONE)
        print_pooling(to, &config->pooling);
    for (size_t i = 0; i < config->n_heads; i++) {
        char name[NAME_BYTES];
        fprintf(to, "head          %s, %zu labels on %s\n", printable(config->heads[i].name, name),
                config->heads[i].n_labels, config->heads[i].on_token ? "tokens" : "sequences");
    }
}

static void print_decoder(FILE *to, const grus_model *model)
{
    const grus_decoder_config *decoder = &model->config.decoder;
    fprintf(to, "attention     ");
    print_attention(to, &model->config.attention);
    fprintf(to, ", query %s\n", grus_query_names[decoder->query]);
    fprintf(to, "target        %s, %zu tokens, embedding of %zu%s\n", grus_tokenizer_names[decoder->tokenizer.kind],
            model->facts.target_vocab, decoder->embedding_dim, decoder->tied ? ", tied" : "");
    fprintf(to, "decoder       GRU, %zu %s of %zu units on ", decoder->num_layers,
            decoder->num_layers == 1 ? "layer" : "layers", decoder->hidden_size);
    print_parts(to, decoder->inputs, decoder->n_inputs);
    fprintf(to, "; bridge %s\n", grus_bridge_names[decoder->bridge]);
    fprintf(to, "readout       ");
    print_parts(to, decoder->readout, decoder->n_readout);
    if (decoder->readout_size)
        fprintf(to, ", size %zu", decoder->readout_size);
    fprintf(to, "%s\n", decoder->readout_tanh ? ", tanh" : "");
    fprintf(to, "search        beam %zu, n-best %zu, at most %zu steps\n", model->config.generation.beam_size,
            model->config.generation.n_best, model->config.generation.max_length);
}

static int name_width(const char *name, int widest)
{
    size_t length = strlen(name);
    return length < 80 && (int)length > widest ? (int)length : widest;
}

static void print_tensor_head(FILE *to, int widest)
{
    fprintf(to, "\n%-*s  %-5s  %10s  shape\n", widest, "tensor", "type", "bytes");
}

// Without the end of the line.
static void print_tensor(FILE *to, int widest, const char *name, const char *dtype, size_t bytes, const size_t *shape,
                         size_t rank)
{
    char shown[NAME_BYTES];
    fprintf(to, "%-*s  %-5s  %10zu  [", widest, printable(name, shown), dtype, bytes);
    for (size_t k = 0; k < rank; k++)
        fprintf(to, "%s%zu", k ? ", " : "", shape[k]);
    fputc(']', to);
}

static void print_tensors(FILE *to, const grus_model *model)
{
    int widest = 6;
    size_t bytes = 0;
    for (size_t i = 0; i < model->n_tensors; i++) {
        widest = name_width(model->tensors[i].name, widest);
        bytes += model->tensors[i].bytes;
    }
    print_tensor_head(to, widest);
    for (size_t i = 0; i < model->n_tensors; i++) {
        const grus_tensor_line *line = &model->tensors[i];
        print_tensor(to, widest, line->name, line->dtype, line->bytes, line->shape, line->rank);
        fprintf(to, "%s\n", line->used ? "" : "  not used");
    }
    fprintf(to, "%-*s  %-5s  %10zu\n", widest, "all", "", bytes);
}

grus_status grus_model_describe(const grus_model *model, FILE *to, grus_error *error)
{
    const grus_engine_facts *facts = &model->facts;
    print_encoder(to, model);
    if (model->config.seq2seq)
        print_decoder(to, model);
    fprintf(to, "parameters    %zu, %.1f MiB when packed\n", facts->parameters,
            (double)facts->weight_bytes / (1024 * 1024));
    fprintf(to, "FLOPs         %.0f a source position", facts->encoder_flops);
    if (model->config.seq2seq)
        fprintf(to, ", %.0f a generated token and hypothesis, both without attention", facts->decoder_flops);
    else
        fprintf(to, " without pooling and heads");
    fprintf(to, "\nmemory        %zu bytes a source position, %zu a lane, %zu lanes\n", facts->position_bytes,
            facts->lane_bytes, facts->lanes);
    fprintf(to, "kernel        %s\n", grus_kernel_name());
    fprintf(to, "hash          %016" PRIx64 "\n", model->hash);
    print_tensors(to, model);
    return check_written(to, error);
}

// ---- shards ----

typedef struct grus_line_counts {
    uint64_t lines, empty, over, bytes;
    size_t longest;
} grus_line_counts;

static grus_status count_lines(grus_input *input, grus_line_counts *counts, grus_error *error)
{
    for (;;) {
        grus_line_kind kind;
        const char *line;
        size_t length;
        grus_status status = grus_input_line(input, &kind, &line, &length, error);
        if (status != GRUS_OK || kind == GRUS_LINE_END)
            return status;
        counts->lines++;
        counts->bytes += length;
        if (kind == GRUS_LINE_TOO_LONG)
            counts->over++;
        else if (length == 0)
            counts->empty++;
        if (length > counts->longest)
            counts->longest = length;
    }
}

static void print_file(FILE *to, const char *path, grus_shard_kind kind, const grus_input_counts *input,
                       const char *content)
{
    static const char *const kinds[] = {"jsonl", "txt", "tsv", "safetensors"};
    fprintf(to, "shard         %s, %s\n", path, kinds[kind]);
    fprintf(to, "bytes         %" PRIu64 " in the file, %" PRIu64 " of %s\n", input->bytes_in, input->bytes_out,
            content);
    if (input->frames || input->skippable_frames)
        fprintf(to, "frames        %" PRIu64 " of zstd, %" PRIu64 " to be skipped\n", input->frames,
                input->skippable_frames);
}

static void print_shard(FILE *to, const char *path, grus_shard_kind kind, const grus_input_counts *input,
                        const grus_line_counts *counts, size_t max_record)
{
    print_file(to, path, kind, input, "text");
    fprintf(to, "records       %" PRIu64 ", %" PRIu64 " of them empty\n", counts->lines, counts->empty);
    fprintf(to, "longest       %zu bytes", counts->longest);
    if (counts->over)
        fprintf(to, "; %" PRIu64 " over the limit of %zu", counts->over, max_record);
    fprintf(to, "\nXXH64         %016" PRIx64 "\n", input->xxh64);
}

typedef struct grus_sequence_counts {
    uint64_t sequences, empty;
    size_t longest;
} grus_sequence_counts;

static grus_status count_sequences(grus_feature_shard *shard, grus_sequence_counts *counts, grus_error *error)
{
    for (;;) {
        bool end;
        size_t rows;
        grus_status status = grus_feature_shard_next(shard, &end, &rows, error);
        if (status != GRUS_OK || end)
            return status;
        counts->sequences++;
        counts->empty += rows == 0;
        if (rows > counts->longest)
            counts->longest = rows;
    }
}

static void print_feature_shard(FILE *to, const char *path, const grus_feature_shard *shard,
                                const grus_sequence_counts *counts)
{
    const grus_safetensors_header *header = grus_feature_shard_header(shard);
    grus_input_counts input = grus_feature_shard_count(shard);
    print_file(to, path, GRUS_SHARD_SAFETENSORS, &input, "safetensors");
    fprintf(to, "records       %" PRIu64 ", %" PRIu64 " of them empty\n", counts->sequences, counts->empty);
    fprintf(to, "longest       %zu rows of %zu values\n", counts->longest, grus_feature_shard_dim(shard));
    fprintf(to, "XXH64         %016" PRIx64 "\n", input.xxh64);
    int widest = 6;
    for (size_t i = 0; i < header->n; i++)
        widest = name_width(header->entries[i].tensor.name, widest);
    print_tensor_head(to, widest);
    for (size_t i = 0; i < header->n; i++) {
        const grus_safetensors_entry *entry = &header->entries[i];
        const grus_tensor *tensor = &entry->tensor;
        print_tensor(to, widest, tensor->name, grus_dtype_name(tensor->dtype), entry->end - entry->begin, tensor->shape,
                     tensor->rank);
        fputc('\n', to);
    }
}

static grus_status describe_features(const char *path, FILE *to, grus_error *error)
{
    grus_feature_shard *shard = NULL;
    grus_status status = grus_feature_shard_open(path, &shard, error);
    if (status != GRUS_OK)
        return status;
    grus_sequence_counts counts = {0};
    status = count_sequences(shard, &counts, error);
    if (status == GRUS_OK) {
        print_feature_shard(to, path, shard, &counts);
        status = check_written(to, error);
    }
    grus_feature_shard_close(shard);
    return status;
}

grus_status grus_shard_describe(const char *path, size_t max_record, FILE *to, grus_error *error)
{
    grus_shard_kind kind;
    if (!grus_shard_kind_of(path, &kind))
        return grus_fail(error, GRUS_E_USAGE, path, NULL,
                         "not the name of a shard; known are .jsonl .txt .tsv .safetensors, each also with .zst");
    if (kind == GRUS_SHARD_SAFETENSORS)
        return describe_features(path, to, error);
    grus_input *input = NULL;
    grus_status status = grus_input_open(path, max_record, &input, error);
    if (status != GRUS_OK)
        return status;
    grus_line_counts counts = {0};
    status = count_lines(input, &counts, error);
    grus_input_counts read = grus_input_count(input);
    grus_input_close(input);
    if (status != GRUS_OK)
        return status;
    print_shard(to, path, kind, &read, &counts, max_record);
    return check_written(to, error);
}
