# scaling.gp: the curves of grus-bench --scaling as one picture. Needs gnuplot and python3.
#
#   bench/grus-bench --scaling --json scaling.json && gnuplot -e "json='scaling.json'; out='scaling.svg'" bench/scaling.gp
#
# Points are medians with min and max; the dashed lines are what the FLOPs would take at the FMA rate, on all threads.
if (!exists("json")) json = 'scaling.json'
if (!exists("out")) out = 'scaling.svg'
set terminal svg size 1200,1000 font 'sans,10' background rgb 'white'
set output out
select(group) = "< python3 -c \"import json, sys; ".\
    "last = None; ".\
    "[print(('\\n\\n' if last and last != c['variant'] else '') + '# ' + str(last := c['variant']) + '\\n', ".\
    "c['value'], c['wall'][1], c['wall'][0], c['wall'][2], c['work'] / c['floor'] / c['threads'], 100 * c['of_floor'][1]) ".\
    "for c in json.load(open(sys.argv[1]))['cases'] if c['group'] == sys.argv[2]]\" ".json." ".group
groups = system("python3 -c \"import json, sys; ".\
    "print(*dict.fromkeys(c['group'] for c in json.load(open(sys.argv[1]))['cases']))\" ".json)
variants(group) = system("python3 -c \"import json, sys; ".\
    "print(*('\\x27' + v + '\\x27' for v in dict.fromkeys(c['variant'] for c in json.load(open(sys.argv[1]))['cases'] ".\
    "if c['group'] == sys.argv[2])))\" ".json." ".group)
set logscale xy
set grid
set key left top
set ylabel "seconds of a run"
set multiplot layout 3,3 title "Growth of time"
do for [group in groups] {
    set title group
    names = variants(group)
    plot for [k = 1:words(names)] select(group) index k - 1 using 1:2:3:4 with yerrorlines pt 7 ps 0.5 lc k \
             title word(names, k), \
         for [k = 1:words(names)] select(group) index k - 1 using 1:5 with lines dashtype 2 lc k notitle
}
unset multiplot
