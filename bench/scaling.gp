# scaling.gp: the curves of grus-bench --scaling as one picture. Needs gnuplot and python3; `make bench-scaling' runs it.
#
#   gnuplot -e "json='scaling.json'; script='bench/scaling.py'; out='scaling.svg'" bench/scaling.gp
#
# A pair of pictures for each parameter: seconds (median, min, max) beside what the FLOPs would take at the FMA rate
# (dashed) and what those with padding would (dotted); and the share of the FMA rate that is reached.
if (!exists("json")) json = 'scaling.json'
if (!exists("script")) script = 'bench/scaling.py'
if (!exists("python")) python = 'python3'
if (!exists("out")) out = 'scaling.svg'
set terminal svg size 1500,1500 font 'sans,10' background rgb 'white'
set output out
ask(what) = system(python." '".script."' '".json."' ".what)
groups = ask("groups")
set logscale x
set xtics rotate by -45 font 'sans,8'
set grid
set multiplot layout 4,4 title "Growth of time: CPU seconds of a run (wall, by threads), and the share of the FMA rate"
do for [group in groups] {
    set xrange [*:*]
    set yrange [*:*]
    names = ask("names ".group)
    set print $data
    print ask("data ".group)
    unset print
    stats $data using 1 nooutput
    set xrange [STATS_min / 1.1:STATS_max * 1.1]
    set title "time by ".group
    set key left top font 'sans,8'
    set logscale y
    set ylabel "s"
    plot for [k = 1:words(names)] $data index k - 1 using 1:2:3:4:xtic(1) with yerrorlines pt 7 ps 0.5 lc k \
             title word(names, k), \
         keyentry with lines dashtype 2 lc 'black' title "FLOPs at the FMA rate", \
         keyentry with lines dashtype 3 lc 'black' title "the same with padding", \
         for [k = 1:words(names)] $data index k - 1 using 1:5 with lines dashtype 2 lc k notitle, \
         for [k = 1:words(names)] $data index k - 1 using 1:6 with lines dashtype 3 lc k notitle
    set title "share by ".group
    set key right bottom font 'sans,8'
    unset logscale y
    set yrange [0:110]
    set ylabel "% of the FMA rate"
    plot for [k = 1:words(names)] $data index k - 1 using 1:7:xtic(1) with linespoints pt 7 ps 0.5 lc k notitle, \
         keyentry with lines dashtype 3 lc 'black' title "what padding leaves of it", \
         for [k = 1:words(names)] $data index k - 1 using 1:(100 * $5 / $6) with lines dashtype 3 lc k notitle
}
unset multiplot
