// benchmark_describe.c: a benchmark as JSON: the machine, the versions, the work, and every part's figures.
#include "config.h"

#include "grus.h"

#include <gnu/libc-version.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <zstd.h>
#ifdef GRUS_ZLIB
#include <zlib.h>
#endif

#include "base/caches.h"
#include "base/cpu_list.h"
#include "base/names.h"
#include "base/text.h"
#include "engine/kernel/blis.h"
#include "io/json/json_write.h"
#include "scheduler/model.h"

static void put_caches(grus_buffer *text)
{
    grus_cache caches[GRUS_MOST_CACHES];
    size_t n = grus_caches(caches);
    grus_buffer_text(text, ", \"caches\": [");
    for (size_t i = 0; i < n; i++)
        grus_buffer_printf(text, "%s{\"level\": %u, \"type\": \"%s\", \"bytes\": %zu, \"cpus\": \"%s\"}", i ? ", " : "",
                           caches[i].level, caches[i].type, caches[i].bytes, caches[i].cpus);
    grus_buffer_byte(text, ']');
}

static void put_date(grus_buffer *text)
{
    time_t now = time(NULL);
    struct tm parts;
    char date[32] = "";
    if (gmtime_r(&now, &parts))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    grus_json_text_member(text, "date", date);
}

// What a rate may hang on besides the machine.
static void put_versions(grus_buffer *text)
{
    struct utsname system;
    grus_buffer_text(text, ", \"versions\": {");
    grus_json_text_member(text, "grus", grus_version());
    grus_json_text_member(text, "BLIS", grus_blis_version());
    grus_json_text_member(text, "zstd", ZSTD_versionString());
#ifdef GRUS_ZLIB
    grus_json_text_member(text, "zlib", zlibVersion());
#endif
    grus_json_text_member(text, "compiler", __VERSION__);
    grus_json_text_member(text, "libc", gnu_get_libc_version());
    if (uname(&system) == 0)
        grus_json_text_member(text, system.sysname, system.release);
    grus_buffer_byte(text, '}');
}

static void put_machine(const grus_model *model, const grus_benchmark_result *result, grus_buffer *text)
{
    char list[GRUS_CPU_LIST];
    grus_cpu_list(list);
    grus_json_text_member(text, "version", grus_version());
    put_date(text);
    grus_json_text_member(text, "cpu", grus_cpu_name());
    grus_json_count_member(text, "cores", result->cores);
    grus_json_text_member(text, "core_list", list);
    put_caches(text);
    put_versions(text);
    grus_json_text_member(text, "kernel", grus_model_kernel_name(model));
    grus_json_text_member(text, "compute_type", grus_compute_names[grus_model_compute_type(model)]);
}

static void put_work(const grus_benchmark_result *result, grus_buffer *text)
{
    grus_json_count_member(text, "records", result->records);
    grus_json_count_member(text, "records_failed", result->records_failed);
    grus_json_count_member(text, "tokens", result->positions);
    grus_buffer_printf(text, ", \"run_is_cut\": %s", result->run_is_cut ? "true" : "false");
}

static void put_part(const grus_benchmark_part *part, grus_buffer *text)
{
    grus_buffer_printf(
        text,
        "\n  {\"part\": \"%s\", \"threads\": %zu, \"repetitions\": %zu, \"records\": %.17g, \"tokens\": %.17g, "
        "\"bytes\": %.17g, \"flops\": %.17g, \"seconds\": {\"min\": %.9g, \"median\": %.9g, \"max\": %.9g}, "
        "\"cpu_seconds\": %.9g, \"padding\": %.6g, \"rows_empty\": %.6g}",
        part->name, part->threads, part->repetitions, part->records, part->tokens, part->bytes, part->flops, part->min,
        part->median, part->max, part->cpu, part->padding, part->rows_empty);
}

static void put_inputs(const char *const *inputs, size_t n_inputs, grus_buffer *text)
{
    grus_buffer_text(text, ", \"inputs\": [");
    for (size_t i = 0; i < n_inputs; i++) {
        grus_buffer_text(text, i ? ", " : "");
        grus_json_name(text, inputs[i], strlen(inputs[i]));
    }
    grus_buffer_byte(text, ']');
}

grus_status grus_benchmark_describe(const grus_model *model, const char *const *inputs, size_t n_inputs,
                                    const grus_benchmark_result *result, grus_text *text, grus_error *error)
{
    grus_buffer buffer = {0};
    grus_buffer_byte(&buffer, '{');
    put_machine(model, result, &buffer);
    grus_buffer_printf(&buffer, ", \"model\": \"%016" PRIx64 "\"", model->hash);
    put_inputs(inputs, n_inputs, &buffer);
    put_work(result, &buffer);
    grus_buffer_text(&buffer, ", \"parts\": [");
    for (size_t i = 0; i < result->n; i++) {
        grus_buffer_text(&buffer, i ? "," : "");
        put_part(result->parts[i], &buffer);
    }
    grus_buffer_text(&buffer, "\n]}\n");
    return grus_text_take(text, &buffer, error);
}
