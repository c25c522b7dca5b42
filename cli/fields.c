// fields.c: the one table of fields and flags.
#include "config.h"

#include "cli/fields.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct field_flag {
    const char *field, *flag;
} field_flag;

static const field_flag flags[] = {
    {"load.allow_nonfinite", "--allow-nonfinite"},
    {"load.compute_type", "--compute-type"},
    {"load.strict", "--strict"},
    {"run.attention", "--attention"},
    {"run.batch_tokens", "--batch-tokens"},
    {"run.checkpoint_records", "--checkpoint-records"},
    {"run.compress", "--compress"},
    {"run.dry_run", "--dry-run"},
    {"run.ensemble", "--ensemble"},
    {"run.fail_on_error", "--on-error"},
    {"run.field_prefix", "--field-prefix"},
    {"run.filelist", "--filelist"},
    {"run.format", "--format"},
    {"run.grow", "--grow"},
    {"run.head_output", "--head-output"},
    {"run.id_key", "--id-key"},
    {"run.input_type", "--input-type"},
    {"run.level", "--level"},
    {"run.mark_truncated", "--mark-truncated"},
    {"run.attention_heads", "--attention-heads"},
    {"run.max_errors", "--max-errors"},
    {"run.max_memory", "--max-memory"},
    {"run.max_record", "--max-record"},
    {"run.on_changed", "--on-changed"},
    {"run.outdir", "-o"},
    {"run.output_key", "--output-key"},
    {"run.prefix_key", "--prefix-key"},
    {"run.rank", "--rank"},
    {"run.recursive", "--recursive"},
    {"run.report", "--report"},
    {"run.seed", "--seed"},
    {"run.strict", "--strict"},
    {"run.target_column", "--target-column"},
    {"run.target_key", "--target-key"},
    {"run.task", "--task"},
    {"run.text_column", "--text-column"},
    {"run.text_key", "--text-key"},
    {"run.threads", "--threads"},
    {"run.token_scores", "--token-scores"},
    {"run.window_log", "--long"},
    {"run.world_size", "--world-size"},
    {"search.beam_size", "--beam-size"},
    {"search.disable_unk", "--disable-unk"},
    {"search.length_norm", "--length-norm"},
    {"search.length_penalty", "--length-penalty"},
    {"search.max_length", "--max-length"},
    {"search.max_length_factor", "--max-length-factor"},
    {"search.min_length", "--min-length"},
    {"search.n_best", "--n-best"},
    {"search.no_repeat_ngram_size", "--no-repeat-ngram-size"},
    {"search.repetition_penalty", "--repetition-penalty"},
    {"search.replace_unk", "--replace-unk"},
    {"search.sampling_temperature", "--sampling-temperature"},
    {"search.sampling_topk", "--sampling-topk"},
    {"search.unique_nbest", "--unique-nbest"},
};

// Of a word that may be a field's name, and nothing else: a quoted word and a path have other neighbours.
static bool ends_word(char c)
{
    return c == '\0' || strchr(" ,;)", c) != NULL;
}

// The row of the field that text begins with; NULL: none.
static const field_flag *find(const char *text)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        size_t length = strlen(flags[i].field);
        if (strncmp(text, flags[i].field, length) == 0 && ends_word(text[length]))
            return &flags[i];
    }
    return NULL;
}

void grus_fields_to_flags(const char *text, char *to, size_t size)
{
    size_t used = 0;
    for (char before = ' '; *text && used + 1 < size; before = text[-1]) {
        const field_flag *row = before == ' ' || before == '(' ? find(text) : NULL;
        if (!row) {
            to[used++] = *text++;
            continue;
        }
        snprintf(to + used, size - used, "%s", row->flag);
        used += strlen(to + used);
        text += strlen(row->field);
    }
    to[used] = '\0';
}
