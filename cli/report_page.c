// report_page.c: the page from top to bottom: what the run is and what became of it; what the records say. Speed and samples have
// files of their own.
#include "config.h"

#include "cli/report_page.h"

#include <inttypes.h>
#include <string.h>

#include "cli/chart.h"
#include "cli/html.h"
#include "cli/report_samples.h"
#include "cli/report_settings.h"
#include "cli/report_speed.h"
#include "cli/report_style.h"

#define MOST_SHARDS 100 // in a table of those that are not done
#define MOST_ERRORS 20
#define MOST_LABELS 15 // of a head

static void put_section(FILE *to, const char *id, const char *title)
{
    fprintf(to, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

static void end_section(FILE *to)
{
    fputs("</section>\n", to);
}

// ---- the head ----

static void put_state(const grus_overview *overview, FILE *to)
{
    if (overview->failed)
        fprintf(to, "<span class=\"state bad\" id=\"state\">%zu failed</span>", overview->failed);
    else if (overview->done < overview->n)
        fputs("<span class=\"state warn\" id=\"state\">unfinished</span>", to);
    else
        fputs("<span class=\"state good\" id=\"state\">finished</span>", to);
}

static int64_t last_written(const grus_survey *survey)
{
    int64_t last = 0;
    for (size_t i = 0; i < survey->overview->n; i++)
        if (survey->shards[i]->written > last)
            last = survey->shards[i]->written;
    return last;
}

static void put_subtitle(const grus_survey *survey, FILE *to)
{
    const grus_survey_rank *rank = survey->n_ranks ? survey->ranks[0] : NULL;
    int64_t last = last_written(survey);
    const char *task = grus_report_setting(survey, "task");
    fputs("<p class=\"sub\">", to);
    if (strcmp(task, "own") == 0) {
        fputs("The model\xE2\x80\x99s own task", to);
    } else {
        fputs("Task ", to);
        grus_html_text(to, task, 40);
    }
    fputs(" \xC2\xB7 model ", to);
    const char *name = grus_report_setting(survey, "model_name");
    if (*name) {
        fputs("<bdi id=\"model-name\">", to);
        grus_html_text(to, name, 100);
        fputs("</bdi> ", to);
    }
    fputs("<code>", to);
    grus_html_text(to, grus_report_setting(survey, "model"), 40);
    fputs("</code>", to);
    if (rank && *rank->version) {
        fputs(" \xC2\xB7 grus ", to);
        grus_html_text(to, rank->version, 40);
        fputs(", ", to);
        grus_html_text(to, rank->compute_type, 40);
        fputs(", kernel ", to);
        grus_html_text(to, rank->kernel, 40);
    }
    fputs("<br>\nBegun ", to);
    grus_html_time(to, survey->begun);
    if (last) {
        fputs(", last shard done ", to);
        grus_html_time(to, last);
    }
    fputs(" UTC</p>\n", to);
}

// The policy lets a browser neither run nor load anything, whatever stands in the page.
static void put_head(const grus_survey *survey, const char *outdir, FILE *to)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"generator\" content=\"grus\">\n<title>",
          to);
    grus_html_text(to, outdir, 200);
    fputs(" \xE2\x80\x93 grus report</title>\n<style>\n", to);
    fputs(grus_report_style, to);
    fputs("</style>\n</head>\n<body>\n<header>\n<h1><bdi>", to);
    grus_html_text(to, outdir, 200);
    fputs("</bdi> ", to);
    put_state(survey->overview, to);
    fputs("</h1>\n", to);
    put_subtitle(survey, to);
}

// ---- counts ----

static void begin_fact(FILE *to, const char *name)
{
    fprintf(to, "<div><dt>%s</dt><dd>", name);
}

static void end_fact(FILE *to)
{
    fputs("</dd></div>\n", to);
}

static void put_part(FILE *to, uint64_t n, uint64_t of, const char *what)
{
    char text[GRUS_HTML_NUMBER];
    if (of)
        fprintf(to, "<small>%s %s</small>", grus_html_percent((double)n / (double)of, text), what);
}

static void put_done(const grus_overview *overview, FILE *to)
{
    begin_fact(to, "Shards done");
    grus_html_count(to, "shards-done", overview->done);
    fputs("<small>of ", to);
    grus_html_count(to, "shards", overview->n);
    if (overview->world_size > 1)
        fprintf(to, ", %zu ranks", overview->world_size);
    fputs("</small>", to);
    end_fact(to);
    begin_fact(to, "Records");
    grus_html_count(to, "records", overview->records);
    end_fact(to);
    begin_fact(to, "In error");
    grus_html_count(to, "records-failed", overview->records_failed);
    put_part(to, overview->records_failed, overview->records, "of the records");
    end_fact(to);
}

static void put_sizes(const grus_survey *survey, FILE *to)
{
    uint64_t in = 0, out = 0;
    char text[GRUS_HTML_NUMBER];
    for (size_t i = 0; i < survey->overview->n; i++) {
        in += survey->shards[i]->input_bytes;
        out += survey->shards[i]->output_bytes;
    }
    begin_fact(to, "Output");
    fputs(grus_html_bytes(out, text), to);
    fprintf(to, "<small>from %s</small>", grus_html_bytes(in, text));
    end_fact(to);
}

// Where the last processes of the ranks did all that is done, their tokens are those of the run.
static void put_tokens(const grus_survey *survey, FILE *to)
{
    uint64_t records = 0, in = 0, out = 0, unknown = 0, truncated = 0;
    for (size_t i = 0; i < survey->n_ranks; i++) {
        const grus_survey_rank *rank = survey->ranks[i];
        records += rank->records;
        in += rank->tokens_in;
        out += rank->tokens_out;
        unknown += rank->tokens_unknown;
        truncated += rank->records_truncated;
    }
    if (records != survey->overview->records || records == 0)
        return;
    begin_fact(to, "Source tokens");
    grus_html_count(to, "tokens-in", in);
    if (unknown)
        put_part(to, unknown, in, "unknown");
    end_fact(to);
    if (out == 0)
        return;
    begin_fact(to, "Output tokens");
    grus_html_count(to, "tokens-out", out);
    if (truncated)
        put_part(to, truncated, records, "of the records cut at their limit");
    end_fact(to);
}

static void put_counts(const grus_survey *survey, FILE *to)
{
    fputs("<dl class=\"facts\">\n", to);
    put_done(survey->overview, to);
    put_tokens(survey, to);
    put_sizes(survey, to);
    fputs("</dl>\n</header>\n<main>\n", to);
}

// ---- what is not done ----

static void put_meter(const grus_overview *overview, FILE *to)
{
    const char *const *names = grus_names(GRUS_NAMES_SHARD_STATE);
    const size_t counts[] = {overview->done, overview->partial, overview->broken, overview->missing};
    fputs("<div class=\"meter\" aria-hidden=\"true\">", to);
    for (size_t i = 0; i < 4; i++)
        if (counts[i])
            fprintf(to, "<i class=\"%s\" style=\"width:%.3f%%\"></i>", names[i],
                    100 * (double)counts[i] / (double)overview->n);
    fputs("</div>\n<p>", to);
    for (size_t i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "shards-%s-now", names[i]);
        fputs(i ? ", " : "", to);
        grus_html_count(to, id, counts[i]);
        fprintf(to, " %s", names[i]);
    }
    if (*overview->retry) {
        fputs(overview->in_array ? "; array elements with shards left: <code>" : "; ranks with shards left: <code>",
              to);
        grus_html_text(to, overview->retry, 400);
        fputs("</code>", to);
    }
    fputs("</p>\n", to);
}

static void put_undone_row(const grus_shard_overview *shard, const char *fault, FILE *to)
{
    const char *cause = shard->cause ? shard->cause : fault ? fault : shard->detail;
    fputs("<tr><td class=\"name\"><bdi>", to);
    grus_html_text(to, shard->input, 200);
    fprintf(to, "</bdi></td><td class=\"%s\">%s</td><td class=\"num\">%zu</td><td class=\"name\"><bdi>",
            shard->cause || fault ? "bad" : "warn",
            shard->cause ? "failed"
            : fault      ? "unreadable"
                         : grus_names(GRUS_NAMES_SHARD_STATE)[shard->state],
            shard->rank);
    grus_html_text(to, cause, 400);
    fputs("</bdi>", to);
    if (shard->cause && shard->cause_time) {
        fputs("<br><small>", to);
        grus_html_text(to, shard->cause_time, 40);
        fputs("</small>", to);
    }
    fputs("</td></tr>\n", to);
}

static bool is_listed(const grus_survey *survey, size_t i)
{
    const grus_shard_overview *shard = survey->overview->shards[i];
    return shard->state != GRUS_STATE_DONE || shard->cause || survey->shards[i]->fault;
}

static void put_undone(const grus_survey *survey, FILE *to)
{
    const grus_overview *overview = survey->overview;
    size_t n = 0;
    for (size_t i = 0; i < overview->n; i++)
        n += is_listed(survey, i);
    if (n == 0)
        return;
    put_section(to, "undone", "Shards that are not done, failed, or cannot be read");
    fputs("<div class=\"card\">\n", to);
    put_meter(overview, to);
    fputs("<div class=\"scroll\"><table>\n<thead><tr><th>Shard</th><th>State</th><th class=\"num\">Rank</th>"
          "<th>Why</th></tr></thead>\n<tbody>\n",
          to);
    size_t shown = 0;
    for (size_t i = 0; i < overview->n && shown < MOST_SHARDS; i++)
        if (is_listed(survey, i)) {
            put_undone_row(overview->shards[i], survey->shards[i]->fault, to);
            shown++;
        }
    fputs("</tbody>\n</table></div>\n", to);
    if (n > shown)
        fprintf(to, "<p class=\"note\">And %zu more.</p>\n", n - shown);
    fputs("</div>\n", to);
    end_section(to);
}

// ---- errors ----

static void put_rank_errors(const grus_survey *survey, FILE *to)
{
    for (size_t i = 0; i < survey->n_ranks; i++) {
        const grus_survey_rank *rank = survey->ranks[i];
        if (rank->n_errors == 0)
            continue;
        if (survey->n_ranks > 1)
            fprintf(to, "<h3>Rank %zu</h3>\n", rank->rank);
        grus_chart_counts(to, rank->errors, rank->n_errors, MOST_ERRORS);
    }
}

static void put_errors(const grus_survey *survey, FILE *to)
{
    if (survey->overview->records_failed == 0 && survey->failed == 0)
        return;
    put_section(to, "errors", "Records in error, by cause");
    fputs("<div class=\"card errors\">\n", to);
    if (survey->n_errors) {
        grus_chart_counts(to, survey->errors, survey->n_errors, MOST_ERRORS);
        fputs("<p class=\"note\">As the records say it, with N for the numbers in it.</p>\n", to);
    } else {
        put_rank_errors(survey, to);
        fputs("<p class=\"note\">As the last process of each rank counted them: what was read of the outputs does not "
              "say."
              "</p>\n",
              to);
    }
    fputs("</div>\n", to);
    end_section(to);
}

// ---- lengths, values, labels ----

static void put_tally(const grus_survey_tally *tally, FILE *to)
{
    static const char *const known[][3] = {
        {"source", "u", "Source"},
        {"target", "u", "Target"},
        {"output", "u", "Output"},
        {"score", "", "Score of the output"},
        {"norm", "", "Euclidean norm of the embedding"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(tally->name, known[i][0]) == 0 && (*known[i][1] != '\0') == (*tally->unit != '\0')) {
            grus_chart_tally(to, known[i][2], NULL, tally);
            return;
        }
    grus_chart_tally(to, *tally->unit ? "Output of" : "Probability or score of", tally->name, tally);
}

// Those with a unit, or those without.
static void put_tallies(const grus_survey *survey, bool lengths, const char *id, const char *title, FILE *to)
{
    size_t n = 0;
    for (size_t i = 0; i < survey->n_tallies; i++)
        n += (*survey->tallies[i]->unit != '\0') == lengths;
    if (n == 0)
        return;
    put_section(to, id, title);
    fputs("<div class=\"grid\">\n", to);
    for (size_t i = 0; i < survey->n_tallies; i++)
        if ((*survey->tallies[i]->unit != '\0') == lengths)
            put_tally(survey->tallies[i], to);
    fputs("</div>\n", to);
    end_section(to);
}

static void put_labels(const grus_survey *survey, FILE *to)
{
    if (survey->n_labels == 0)
        return;
    put_section(to, "labels", "Labels");
    fputs("<div class=\"grid\">\n", to);
    for (size_t first = 0, end; first < survey->n_labels; first = end) {
        const char *name = survey->labels[first]->name;
        for (end = first; end < survey->n_labels && strcmp(survey->labels[end]->name, name) == 0; end++)
            ;
        fputs("<div class=\"card\">\n<h3><bdi>", to);
        grus_html_text(to, name, 60);
        fputs("</bdi></h3>\n", to);
        grus_chart_counts(to, survey->labels + first, end - first, MOST_LABELS);
        fputs("</div>\n", to);
    }
    fputs("</div>\n", to);
    end_section(to);
}

// ---- the run, and the page ----

static void put_settings(const grus_survey *survey, FILE *to)
{
    put_section(to, "settings", "Options of the run");
    fputs("<div class=\"card\">\n<dl class=\"settings\">\n", to);
    for (size_t i = 0; i < survey->n_settings; i++) {
        fputs("<div><dt>", to);
        grus_html_text(to, survey->settings[i]->name, 60);
        fputs("</dt><dd><bdi>", to);
        grus_html_text(to, survey->settings[i]->value, 200);
        fputs("</bdi></dd></div>\n", to);
    }
    fputs("</dl>\n</div>\n", to);
    end_section(to);
}

static void put_foot(const grus_survey *survey, FILE *to)
{
    char digits[GRUS_HTML_NUMBER];
    fputs("</main>\n<footer>\n<p>", to);
    if (!survey->has_records)
        fputs("The outputs are arrays of numbers, which were not read: counts are those of the manifests. ", to);
    else if (survey->is_whole)
        fputs("Every record of every finished output was read. ", to);
    else
        fprintf(
            to,
            "%s records of the finished outputs were read, each output from its beginning; errors, lengths, scores, "
            "labels and samples are of these. ",
            grus_html_digits(survey->read, digits));
    if (survey->unreadable)
        fprintf(to, "%s lines were too long or could not be understood. ",
                grus_html_digits(survey->unreadable, digits));
    if (survey->uncounted)
        fprintf(to, "%s errors and labels are not told apart, for want of room. ",
                grus_html_digits(survey->uncounted, digits));
    fprintf(to, "Written by <code>grus report</code>, grus %s.</p>\n</footer>\n</body>\n</html>\n", grus_version());
}

bool grus_report_page(const grus_survey *survey, const char *outdir, const grus_model *model, FILE *to)
{
    put_head(survey, outdir, to);
    put_counts(survey, to);
    put_undone(survey, to);
    put_errors(survey, to);
    put_tallies(survey, true, "lengths", "Lengths", to);
    put_tallies(survey, false, "scores", "Scores", to);
    put_labels(survey, to);
    bool fine = grus_report_speed(survey, to);
    fine = fine && grus_report_samples(survey, model, to);
    put_settings(survey, to);
    put_foot(survey, to);
    return fine;
}
