// batches.c: the look-ahead of one thread, which runs each batch as it is cut.
#include "config.h"

#include "api/batches.h"

#include "base/error.h"
#include "scheduler/costs.h"
#include "scheduler/stop.h"

grus_status grus_batches_settle(grus_batches *batches, const grus_model *model, const grus_run_options *options,
                                grus_error *error)
{
    const grus_run_options *run = &batches->settings.run;
    grus_status status = grus_run_settings_read(&batches->settings, model, options, error);
    if (status == GRUS_OK)
        status = grus_job_settle(&batches->job, model, run, error);
    batches->worker.job = &batches->job;
    batches->worker.stop = grus_stop_flag(run->stop);
    batches->batcher.bounds = &batches->plan.bounds;
    return status == GRUS_OK ? grus_costs_plan(&batches->job, 1, &batches->plan, error) : status;
}

void grus_batches_free(grus_batches *batches)
{
    grus_job_free(&batches->job);
    grus_parsed_free(&batches->parsed);
    grus_batcher_free(&batches->batcher);
    grus_slot_free(&batches->slot);
    grus_worker_free(&batches->worker);
}

grus_status grus_batches_begin(grus_batches *batches, grus_error *error)
{
    return grus_batcher_begin(&batches->batcher, error);
}

// Runs the next batch of the records that wait. ended: no others come behind them.
static grus_status run_batch(grus_batches *batches, bool ended, grus_error *error)
{
    grus_slot *slot = &batches->slot;
    const grus_batch_bounds *bounds = &batches->plan.bounds;
    grus_cut cut = grus_batcher_cut(&batches->batcher, ended);
    grus_status status = grus_slot_reset(slot, cut.big ? &bounds->big : &bounds->slot, error);
    slot->big = cut.big;
    if (status == GRUS_OK)
        status = grus_batcher_move(&batches->batcher, cut.records, slot, error);
    return status == GRUS_OK ? batches->take(batches->context, &batches->worker, slot, error) : status;
}

grus_status grus_batches_add(grus_batches *batches, const char *place, grus_error *error)
{
    const grus_slot_entry *entry = &batches->parsed.entry;
    grus_status status = GRUS_OK;
    if (entry->error && batches->job.options->fail_on_error)
        return grus_fail(error, GRUS_E_FAILED, NULL, place, "%s", entry->error);
    while (status == GRUS_OK && !grus_batcher_has_room(&batches->batcher, entry))
        status = run_batch(batches, false, error);
    return status == GRUS_OK ? grus_batcher_add(&batches->batcher, entry, error) : status;
}

grus_status grus_batches_end(grus_batches *batches, grus_error *error)
{
    grus_status status = GRUS_OK;
    while (status == GRUS_OK && grus_batcher_records(&batches->batcher) > 0)
        status = run_batch(batches, true, error);
    return status;
}
