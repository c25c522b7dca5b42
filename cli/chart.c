// chart.c: scales with round numbers, and rectangles.
#include "config.h"

#include "cli/chart.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/html.h"

#define WIDTH 1000.0 // of a chart in its own units; the page stretches it
#define HEIGHT 100.0
#define MOST_BARS 40 // of a histogram
#define X_TICKS 7    // about
#define Y_TICKS 3
#define MOST_TICKS 16
#define LEAST_BAR 0.7 // height of one that is not 0, so that it is seen

// ---- scales ----

// A step of 1, 2 or 5 times a power of 10 that goes at most n times into the range.
static double round_step(double range, size_t n)
{
    double least = range / (double)n, power = pow(10, floor(log10(least)));
    double digit = least / power;
    return power * (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10);
}

// A step of seconds that clocks have.
static double clock_step(double range, size_t n)
{
    static const double steps[] = {1,   2,    5,    10,   15,    30,    60,    120,   300,    600,
                                   900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800};
    double least = range / (double)n;
    if (least < 1)
        return round_step(range, n);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] >= least)
            return steps[i];
    return 86400 * round_step(range / 86400, n);
}

static const char *tick_text(double x, double step, char text[GRUS_HTML_NUMBER])
{
    if (fabs(x) >= 1000 && step >= 1 && fabs(x) < 1e15) {
        text[0] = '-';
        grus_html_digits((uint64_t)fabs(round(x)), text + (x < 0));
    } else {
        snprintf(text, GRUS_HTML_NUMBER, "%.6g", fabs(x) < step * 1e-6 ? 0 : x);
    }
    return text;
}

// Labels on the left, and lines behind the bars. Returns the value that the chart's height stands for.
static double put_y_axis(FILE *to, double greatest)
{
    double step = round_step(greatest > 0 ? greatest : 1, Y_TICKS), top = step * ceil(greatest / step - 1e-9);
    char text[GRUS_HTML_NUMBER];
    top = top > 0 ? top : step;
    fputs("<div class=\"y\" aria-hidden=\"true\">", to);
    for (double y = 0; y <= top + step / 2; y += step)
        fprintf(to, "<span style=\"bottom:%.2f%%\">%s</span>", 100 * y / top, tick_text(y, step, text));
    fprintf(to, "</div>\n<svg viewBox=\"0 0 %g %g\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", WIDTH, HEIGHT);
    fputs("<path class=\"lines\" d=\"", to);
    for (double y = 0; y <= top + step / 2; y += step)
        fprintf(to, "M0 %.2fH%g", HEIGHT - HEIGHT * y / top, WIDTH);
    fputs("\"/>\n", to);
    return top;
}

typedef struct bar {
    double left, width, height; // of 1
} bar;

// Opens a bar; what stands before its end is its title.
static void begin_bar(FILE *to, bar it)
{
    double height = it.height > 0 ? fmax(HEIGHT * it.height, LEAST_BAR) : 0, gap = it.width > 0.008 ? 0.08 : 0;
    fprintf(to, "<rect class=\"bar\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>",
            WIDTH * (it.left + it.width * gap), HEIGHT - height, WIDTH * it.width * (1 - 2 * gap), height);
}

static void end_bar(FILE *to)
{
    fputs("</title></rect>\n", to);
}

static void put_x_tick(FILE *to, double part, const char *text)
{
    const char *side = part < 0.02 ? " class=\"first\"" : part > 0.96 ? " class=\"last\"" : "";
    fprintf(to, "<span%s style=\"left:%.2f%%\">%s</span>", side, 100 * part, text);
}

// ---- histograms ----

// The bins that are shown, in groups of so many.
typedef struct view {
    size_t first, bars, group;
    uint64_t below, above; // numbers that are not
} view;

// The bin in which the part of all numbers ends.
static size_t find_part(const grus_survey_tally *tally, double part)
{
    double wanted = part * (double)tally->n, sum = 0;
    for (size_t i = 0; i < tally->bins; i++) {
        sum += (double)tally->counts[i];
        if (sum >= wanted)
            return i;
    }
    return tally->bins - 1;
}

static double middle_of(const grus_survey_tally *tally, size_t bin)
{
    double whole = *tally->unit && tally->width <= 1 ? 0 : 0.5;
    return fmin(fmax(tally->low + tally->width * ((double)bin + whole), tally->min), tally->max);
}

// All bins, but where a hundredth of the numbers takes more than half of the room.
static view choose_view(const grus_survey_tally *tally)
{
    size_t low = find_part(tally, 0.005), high = find_part(tally, 0.995), end = tally->bins;
    size_t span = high - low + 1, margin = span / 8;
    view chosen = {0};
    if (2 * span < tally->bins) {
        chosen.first = low > margin ? low - margin : 0;
        end = high + margin + 1 < end ? high + margin + 1 : end;
    }
    size_t bins = end - chosen.first;
    chosen.group = (bins + MOST_BARS - 1) / MOST_BARS;
    chosen.bars = (bins + chosen.group - 1) / chosen.group;
    for (size_t i = 0; i < tally->bins; i++) {
        chosen.below += i < chosen.first ? tally->counts[i] : 0;
        chosen.above += i >= chosen.first + chosen.bars * chosen.group ? tally->counts[i] : 0;
    }
    return chosen;
}

static uint64_t bar_count(const grus_survey_tally *tally, const view *shown, size_t i)
{
    uint64_t count = 0;
    for (size_t j = 0; j < shown->group; j++) {
        size_t bin = shown->first + i * shown->group + j;
        count += bin < tally->bins ? tally->counts[bin] : 0;
    }
    return count;
}

static double bar_low(const grus_survey_tally *tally, const view *shown, size_t i)
{
    return tally->low + tally->width * (double)(shown->first + i * shown->group);
}

static bool is_single(const grus_survey_tally *tally, const view *shown)
{
    return *tally->unit && tally->width * (double)shown->group <= 1;
}

// What a bar stands for.
static void put_range(FILE *to, const grus_survey_tally *tally, const view *shown, size_t i)
{
    char low[GRUS_HTML_NUMBER], high[GRUS_HTML_NUMBER];
    double step = tally->width * (double)shown->group, from = bar_low(tally, shown, i);
    if (is_single(tally, shown))
        fprintf(to, "%s: ", tick_text(from, step, low));
    else if (*tally->unit)
        fprintf(to, "%s to %s: ", tick_text(from, step, low), tick_text(from + step - 1, step, high));
    else
        fprintf(to, "%s to below %s: ", grus_html_number(from, low), grus_html_number(from + step, high));
}

static void put_bars(FILE *to, const grus_survey_tally *tally, const view *shown)
{
    char digits[GRUS_HTML_NUMBER];
    uint64_t greatest = 0;
    for (size_t i = 0; i < shown->bars; i++) {
        uint64_t count = bar_count(tally, shown, i);
        greatest = count > greatest ? count : greatest;
    }
    double top = put_y_axis(to, (double)greatest);
    for (size_t i = 0; i < shown->bars; i++) {
        uint64_t count = bar_count(tally, shown, i);
        if (count == 0)
            continue;
        begin_bar(to, (bar){(double)i / (double)shown->bars, 1 / (double)shown->bars, (double)count / top});
        put_range(to, tally, shown, i);
        fputs(grus_html_digits(count, digits), to);
        end_bar(to);
    }
}

static void put_x_axis(FILE *to, const grus_survey_tally *tally, const view *shown)
{
    char text[GRUS_HTML_NUMBER];
    double low = bar_low(tally, shown, 0), range = bar_low(tally, shown, shown->bars) - low;
    double step = round_step(range, X_TICKS), shift = is_single(tally, shown) ? tally->width / 2 : 0;
    if (*tally->unit && step < 1)
        step = 1;
    double first = step * ceil(low / step - 1e-9);
    for (size_t i = 0; i < MOST_TICKS; i++) {
        double x = first + (double)i * step;
        if (x + shift <= low + range)
            put_x_tick(to, (x + shift - low) / range, tick_text(x, step, text));
    }
}

static void put_facts(FILE *to, const grus_survey_tally *tally)
{
    char text[GRUS_HTML_NUMBER];
    if (*tally->unit)
        fprintf(to, "%s \xC2\xB7 ", tally->unit);
    fprintf(to, "mean %s \xC2\xB7 ", grus_html_number(tally->mean, text));
    fprintf(to, "median %s \xC2\xB7 ", grus_html_number(middle_of(tally, find_part(tally, 0.5)), text));
    fprintf(to, "from %s ", grus_html_number(tally->min, text));
    fprintf(to, "to %s", grus_html_number(tally->max, text));
}

static void put_outside(FILE *to, const grus_survey_tally *tally, const view *shown)
{
    char digits[GRUS_HTML_NUMBER], text[GRUS_HTML_NUMBER];
    if (shown->below == 0 && shown->above == 0)
        return;
    fputs("<p class=\"note\">Not shown:", to);
    if (shown->below)
        fprintf(to, " %s below %s", grus_html_digits(shown->below, digits),
                grus_html_number(bar_low(tally, shown, 0), text));
    if (shown->above)
        fprintf(to, "%s %s from %s on", shown->below ? " and" : "", grus_html_digits(shown->above, digits),
                grus_html_number(bar_low(tally, shown, shown->bars), text));
    fputs(".</p>\n", to);
}

void grus_chart_tally(FILE *to, const char *title, const char *name, const grus_survey_tally *tally)
{
    view shown = choose_view(tally);
    fputs("<figure class=\"chart\">\n<figcaption><b>", to);
    fputs(title, to);
    if (name) {
        fputs(" <bdi>", to);
        grus_html_text(to, name, 60);
        fputs("</bdi>", to);
    }
    fputs("</b> <small>", to);
    grus_html_count(to, NULL, tally->n);
    fputs(tally->n == 1 ? " record \xC2\xB7 " : " records \xC2\xB7 ", to);
    put_facts(to, tally);
    fputs("</small></figcaption>\n<div class=\"plot\">", to);
    put_bars(to, tally, &shown);
    fputs("</svg>\n<div class=\"x\" aria-hidden=\"true\">", to);
    put_x_axis(to, tally, &shown);
    fputs("</div></div>\n", to);
    put_outside(to, tally, &shown);
    fputs("</figure>\n", to);
}

// ---- counts ----

void grus_chart_counts(FILE *to, const grus_survey_count *const *counts, size_t n, size_t most)
{
    uint64_t rest = 0;
    char digits[GRUS_HTML_NUMBER];
    fputs("<ol class=\"counts\">\n", to);
    for (size_t i = 0; i < n && i < most; i++) {
        fputs("<li><bdi>", to);
        grus_html_text(to, counts[i]->text, 160);
        fprintf(to, "</bdi><span class=\"track\"><i style=\"width:%.2f%%\"></i></span>",
                100 * (double)counts[i]->n / (double)(counts[0]->n ? counts[0]->n : 1));
        grus_html_count(to, NULL, counts[i]->n);
        fputs("</li>\n", to);
    }
    fputs("</ol>\n", to);
    for (size_t i = most; i < n; i++)
        rest += counts[i]->n;
    if (n > most)
        fprintf(to, "<p class=\"note\">And %zu more, found %s times.</p>\n", n - most, grus_html_digits(rest, digits));
}

// ---- time ----

static void put_elapsed(double seconds, double step, char text[GRUS_HTML_NUMBER])
{
    if (seconds == 0)
        snprintf(text, GRUS_HTML_NUMBER, "0");
    else if (step < 60)
        snprintf(text, GRUS_HTML_NUMBER, "%.4g s", seconds);
    else if (step < 3600)
        snprintf(text, GRUS_HTML_NUMBER, "%.4g min", seconds / 60);
    else if (step < 86400)
        snprintf(text, GRUS_HTML_NUMBER, "%.4g h", seconds / 3600);
    else
        snprintf(text, GRUS_HTML_NUMBER, "%.4g d", seconds / 86400);
}

void grus_chart_timeline(FILE *to, const grus_chart_rates *rates)
{
    double greatest = 0, range = rates->width * (double)rates->n, step = clock_step(range, X_TICKS);
    char from[GRUS_HTML_NUMBER], until[GRUS_HTML_NUMBER], rate[GRUS_HTML_NUMBER];
    for (size_t i = 0; i < rates->n; i++)
        greatest = fmax(greatest, rates->rates[i]);
    fputs("<div class=\"plot wide\">", to);
    double top = put_y_axis(to, greatest);
    for (size_t i = 0; i < rates->n; i++) {
        if (!(rates->rates[i] > 0))
            continue;
        begin_bar(to, (bar){(double)i / (double)rates->n, 1 / (double)rates->n, rates->rates[i] / top});
        fprintf(to, "%s to %s: %s %s", grus_html_duration((double)i * rates->width, from),
                grus_html_duration((double)(i + 1) * rates->width, until), grus_html_number(rates->rates[i], rate),
                rates->unit);
        end_bar(to);
    }
    fputs("</svg>\n<div class=\"x\" aria-hidden=\"true\">", to);
    for (size_t i = 0; i < MOST_TICKS && (double)i * step <= range * 1.0001; i++) {
        put_elapsed((double)i * step, step, from);
        put_x_tick(to, (double)i * step / range, from);
    }
    fputs("</div></div>\n", to);
}
