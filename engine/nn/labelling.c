// labelling.c: records one after the other, and which way each is decided.
#include "config.h"

#include "engine/nn/labelling.h"

grus_status grus_labeller_read(grus_reading *reading, const char *prefix, const grus_head_config *config,
                               grus_labeller *labeller, grus_error *error)
{
    *labeller = (grus_labeller){.vector = reading->kernel->vector,
                                .decode = config->decode,
                                .labels = config->n_labels,
                                .blank = config->blank};
    return config->decode == GRUS_HEAD_CRF ? grus_crf_read(reading, prefix, config->n_labels, &labeller->crf, error)
                                           : GRUS_OK;
}

bool grus_labelling_list(grus_labelling *labelling, size_t positions, size_t records, grus_arena *arena)
{
    labelling->labels = grus_arena_alloc(arena, positions, sizeof *labelling->labels);
    labelling->records = grus_arena_alloc(arena, records, sizeof *labelling->records);
    return labelling->labels && labelling->records;
}

bool grus_labelling_list_scratch(grus_labelling *labelling, size_t beam_size, size_t longest, grus_arena *arena)
{
    const grus_labeller *labeller = labelling->labeller;
    if (labeller->decode == GRUS_HEAD_CRF)
        return grus_crf_list(&labeller->crf, longest, arena, &labelling->crf_path);
    labelling->ctc = (grus_ctc){labeller->vector, labeller->labels, labeller->blank, beam_size};
    return grus_ctc_list(&labelling->ctc, longest, arena, &labelling->ctc_path);
}

static void begin_record(grus_labelling *labelling)
{
    labelling->position = 0;
    if (labelling->labeller->decode == GRUS_HEAD_CRF)
        grus_crf_begin(&labelling->crf_path);
    else
        grus_ctc_begin(&labelling->ctc, &labelling->ctc_path);
}

static void end_record(grus_labelling *labelling)
{
    size_t sequence = labelling->sequence++;
    uint32_t *labels = labelling->labels + labelling->encoded->offset[sequence];
    grus_labelled *record = labelling->records + sequence;
    *record = (grus_labelled){.n = labelling->position};
    record->finite = labelling->labeller->decode == GRUS_HEAD_CRF
                         ? grus_crf_end(&labelling->labeller->crf, &labelling->crf_path, labels)
                         : grus_ctc_end(&labelling->ctc, &labelling->ctc_path, labels, &record->n, &record->score);
}

// Records without a position, up to one that has some.
static void end_empty(grus_labelling *labelling)
{
    const grus_encoded *encoded = labelling->encoded;
    while (labelling->sequence < encoded->n) {
        begin_record(labelling);
        if (encoded->length[labelling->sequence] > 0)
            return;
        end_record(labelling);
    }
}

void grus_labelling_begin(grus_labelling *labelling, const grus_encoded *encoded)
{
    labelling->encoded = encoded;
    labelling->sequence = 0;
    end_empty(labelling);
}

void grus_labelling_row(grus_labelling *labelling, float *logits)
{
    const grus_labeller *labeller = labelling->labeller;
    const grus_encoded *encoded = labelling->encoded;
    GRUS_ASSERT(labelling->sequence < encoded->n);
    if (labeller->decode == GRUS_HEAD_CRF) {
        grus_crf_step(&labeller->crf, &labelling->crf_path, logits);
    } else {
        labeller->vector->softmax(logits, labeller->labels);
        grus_ctc_step(&labelling->ctc, &labelling->ctc_path, logits,
                      labelling->labels + encoded->offset[labelling->sequence]);
    }
    if (++labelling->position == encoded->length[labelling->sequence]) {
        end_record(labelling);
        end_empty(labelling);
    }
}
