// report_speed.c: times of files into rates.
#include "config.h"

#include "cli/report_speed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/chart.h"
#include "cli/html.h"

#define MOST_BINS 60 // of the time
#define MOST_SLOW 10
#define MOST_RANKS 64
#define SECOND 1e9 // nanoseconds

// A shard that is done and whose time is known.
typedef struct timed_shard {
    const grus_shard_overview *overview;
    const grus_survey_shard *survey;
    double seconds;
} timed_shard;

typedef struct timed_shards {
    timed_shard *list;
    size_t n;
    size_t untimed;       // that are done, and of which it is not known when they began
    int64_t begun, ended; // the first of them, and the last
} timed_shards;

static bool take_shards(const grus_survey *survey, timed_shards *shards)
{
    const grus_overview *overview = survey->overview;
    *shards = (timed_shards){.list = calloc(overview->n + 1, sizeof *shards->list)};
    for (size_t i = 0; shards->list && i < overview->n; i++) {
        const grus_survey_shard *shard = survey->shards[i];
        if (shard->written == 0)
            continue;
        if (shard->begun == 0 || shard->begun >= shard->written) {
            shards->untimed++;
            continue;
        }
        double seconds = (double)(shard->written - shard->begun) / SECOND;
        if (shards->n == 0 || shard->begun < shards->begun)
            shards->begun = shard->begun;
        if (shards->n == 0 || shard->written > shards->ended)
            shards->ended = shard->written;
        shards->list[shards->n++] = (timed_shard){overview->shards[i], shard, seconds};
    }
    return shards->list != NULL;
}

// ---- over time ----

// The records of a shard, evenly over the time that it took.
static void spread(const timed_shard *shard, int64_t begun, double width, size_t n, double *rates)
{
    double from = (double)(shard->survey->begun - begun) / SECOND / width;
    double until = (double)(shard->survey->written - begun) / SECOND / width;
    double rate = (double)shard->overview->records / shard->seconds;
    size_t last = until < (double)n ? (size_t)until : n - 1;
    for (size_t i = (size_t)from; i <= last; i++) {
        double left = from > (double)i ? from : (double)i, right = until < (double)(i + 1) ? until : (double)(i + 1);
        if (right > left)
            rates[i] += rate * (right - left);
    }
}

// One shard has an average and no course.
static void put_no_timeline(const timed_shards *shards, FILE *to)
{
    char rate[GRUS_HTML_NUMBER], took[GRUS_HTML_NUMBER];
    if (shards->n)
        fprintf(to, "<p>One shard is done and timed: %s records a second, over %s.</p>\n",
                grus_html_number((double)shards->list->overview->records / shards->list->seconds, rate),
                grus_html_duration(shards->list->seconds, took));
    else
        fputs("<p class=\"note\">The files\xE2\x80\x99 times do not tell how long any shard took.</p>\n", to);
    fputs("</figure>\n</section>\n", to);
}

static void put_timeline(const timed_shards *shards, FILE *to)
{
    double rates[MOST_BINS] = {0}, range = (double)(shards->ended - shards->begun) / SECOND;
    char text[GRUS_HTML_NUMBER];
    uint64_t records = 0;
    fputs("<section id=\"throughput\">\n<h2>Throughput over time</h2>\n<figure class=\"chart\">\n", to);
    if (shards->n < 2) {
        put_no_timeline(shards, to);
        return;
    }
    for (size_t i = 0; i < shards->n; i++) {
        spread(&shards->list[i], shards->begun, range / MOST_BINS, MOST_BINS, rates);
        records += shards->list[i].overview->records;
    }
    fprintf(to, "<figcaption><b>Records a second</b> <small>%s ", grus_html_number((double)records / range, text));
    fprintf(to, "on average over %s, from ", grus_html_duration(range, text));
    grus_html_time(to, shards->begun);
    fputs(" to ", to);
    grus_html_time(to, shards->ended);
    fputs(" UTC</small></figcaption>\n", to);
    grus_chart_timeline(to, &(grus_chart_rates){MOST_BINS, rates, range / MOST_BINS, "records a second"});
    fputs("<p class=\"note\">By the times of the manifests and reports: a shard\xE2\x80\x99s records are spread evenly "
          "over the time "
          "from the shard before it in its rank, or from its process\xE2\x80\x99s beginning, to its own manifest.",
          to);
    if (shards->untimed)
        fprintf(to, " %zu shards are left out, as it is not known when they began.", shards->untimed);
    fputs("</p>\n</figure>\n</section>\n", to);
}

// ---- slow shards ----

static int by_seconds(const void *a, const void *b)
{
    const timed_shard *one = a, *other = b;
    if (one->seconds < other->seconds || one->seconds > other->seconds)
        return one->seconds > other->seconds ? -1 : 1;
    return one->overview < other->overview ? -1 : one->overview > other->overview;
}

static void put_slow(timed_shards *shards, FILE *to)
{
    char text[GRUS_HTML_NUMBER];
    if (shards->n < 2)
        return;
    qsort(shards->list, shards->n, sizeof *shards->list, by_seconds);
    fputs("<section id=\"slowest\">\n<h2>Slowest shards</h2>\n<div class=\"card "
          "scroll\"><table>\n<thead><tr><th>Shard</th>"
          "<th class=\"num\">Rank</th><th class=\"num\">Took</th><th class=\"num\">Records</th><th class=\"num\">In "
          "error</th>"
          "<th class=\"num\">Records/s</th><th class=\"num\">Input</th><th "
          "class=\"num\">Output</th></tr></thead>\n<tbody>\n",
          to);
    for (size_t i = 0; i < shards->n && i < MOST_SLOW; i++) {
        const timed_shard *shard = &shards->list[i];
        fputs("<tr><td class=\"name\"><bdi>", to);
        grus_html_text(to, shard->overview->input, 200);
        fprintf(to, "</bdi></td><td class=\"num\">%zu</td><td class=\"num\">%s</td><td class=\"num\">",
                shard->overview->rank, grus_html_duration(shard->seconds, text));
        grus_html_count(to, NULL, shard->overview->records);
        fputs("</td><td class=\"num\">", to);
        grus_html_count(to, NULL, shard->overview->records_failed);
        fprintf(to, "</td><td class=\"num\">%s</td>",
                grus_html_number((double)shard->overview->records / shard->seconds, text));
        fprintf(to, "<td class=\"num\">%s</td>", grus_html_bytes(shard->survey->input_bytes, text));
        fprintf(to, "<td class=\"num\">%s</td></tr>\n", grus_html_bytes(shard->survey->output_bytes, text));
    }
    fputs("</tbody>\n</table></div>\n</section>\n", to);
}

// ---- ranks ----

static void put_text_cell(const char *text, FILE *to)
{
    fputs("<td class=\"words\"><bdi>", to);
    grus_html_text(to, *text ? text : "\xE2\x80\x93", 60);
    fputs("</bdi></td>", to);
}

static void put_rank(const grus_survey_rank *rank, FILE *to)
{
    char text[GRUS_HTML_NUMBER];
    fprintf(to, "<tr><td class=\"num\">%zu</td>", rank->rank);
    put_text_cell(rank->outcome, to);
    fprintf(to, "<td class=\"num\">%" PRIu64 "</td><td class=\"num\">", rank->shards_done);
    grus_html_count(to, NULL, rank->records);
    fprintf(to, "</td><td class=\"num\">%s</td>", grus_html_duration(rank->seconds, text));
    fprintf(to, "<td class=\"num\">%s</td>", grus_html_number(rank->records_per_second, text));
    fprintf(to, "<td class=\"num\">%s</td>", grus_html_number(rank->tokens_in_per_second, text));
    fprintf(to, "<td class=\"num\">%s</td>", grus_html_number(rank->tokens_out_per_second, text));
    fprintf(to, "<td class=\"num\">%" PRIu64 "</td>", rank->threads);
    fprintf(to, "<td class=\"num\">%s</td>", grus_html_percent(rank->workers_busy, text));
    fprintf(to, "<td class=\"num\">%s</td>", grus_html_percent(rank->padding, text));
    fprintf(to, "<td class=\"num\">%s</td>", grus_html_bytes(rank->peak_memory, text));
    put_text_cell(rank->kernel, to);
    put_text_cell(rank->cpu, to);
    fputs("</tr>\n", to);
}

static int by_rank_seconds(const void *a, const void *b)
{
    const grus_survey_rank *one = *(const grus_survey_rank *const *)a, *other = *(const grus_survey_rank *const *)b;
    if (one->seconds < other->seconds || one->seconds > other->seconds)
        return one->seconds > other->seconds ? -1 : 1;
    return one->rank < other->rank ? -1 : one->rank > other->rank;
}

static bool put_ranks(const grus_survey *survey, FILE *to)
{
    if (survey->n_ranks == 0)
        return true;
    const grus_survey_rank **sorted = calloc(survey->n_ranks, sizeof *sorted);
    if (!sorted)
        return false;
    for (size_t i = 0; i < survey->n_ranks; i++)
        sorted[i] = survey->ranks[i];
    if (survey->n_ranks > MOST_RANKS)
        qsort(sorted, survey->n_ranks, sizeof *sorted, by_rank_seconds);
    fputs("<section id=\"ranks\">\n<h2>Processes</h2>\n<div class=\"card\">\n<div class=\"scroll\"><table>\n<thead><tr>"
          "<th class=\"num\">Rank</th><th>Outcome</th><th class=\"num\">Shards</th><th class=\"num\">Records</th>"
          "<th class=\"num\">Took</th><th class=\"num\">Records/s</th><th class=\"num\">Tokens in/s</th>"
          "<th class=\"num\">Tokens out/s</th><th class=\"num\">Threads</th><th class=\"num\">Busy</th>"
          "<th class=\"num\">Padding</th><th "
          "class=\"num\">Memory</th><th>Kernel</th><th>CPU</th></tr></thead>\n<tbody>\n",
          to);
    for (size_t i = 0; i < survey->n_ranks && i < MOST_RANKS; i++)
        put_rank(sorted[i], to);
    fputs("</tbody>\n</table></div>\n<p class=\"note\">What the last process of each rank did, by its report.", to);
    if (survey->n_ranks > MOST_RANKS)
        fprintf(to, " The slowest %d of %zu.", MOST_RANKS, survey->n_ranks);
    fputs("</p>\n</div>\n</section>\n", to);
    free(sorted);
    return true;
}

bool grus_report_speed(const grus_survey *survey, FILE *to)
{
    timed_shards shards;
    if (!take_shards(survey, &shards))
        return false;
    put_timeline(&shards, to);
    put_slow(&shards, to);
    free(shards.list);
    return put_ranks(survey, to);
}
