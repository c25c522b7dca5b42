# plot.gp: fractions of the floor from the JSON of grus-bench, as a picture. Needs gnuplot and python3.
#
#   bench/grus-bench --json bench.json && gnuplot -e "json='bench.json'; out='bench.svg'" bench/plot.gp
if (!exists("json")) json = 'bench.json'
if (!exists("out")) out = 'bench.svg'
set terminal svg size 1000,900 font 'sans,11' background rgb 'white'
set output out
# A line a case: place, of_floor min, median, max (percent), name.
read = "< python3 -c \"import json, sys; ".\
    "[print(i, *(100 * x for x in c['of_floor']), '\\\"' + c['group'] + ': ' + c['variant'] + ', ' + c['varied'] + ' ' + str(c['value']) + '\\\"') ".\
    "for i, c in enumerate(json.load(open(sys.argv[1]))['cases'])]\" ".json
set title "Part of the floor reached, by CPU time"
set xlabel "%"
set xrange [0:120]
set yrange [*:*] reverse
set grid xtics
set style fill solid 0.5 noborder
set boxwidth 0.7
set ytics font 'sans,8'
unset key
set arrow 1 from 100, graph 0 to 100, graph 1 nohead dashtype 2
plot read using 3:1:(0):3:($1-0.35):($1+0.35):ytic(5) with boxxyerror lc rgb '#4477aa', \
     '' using 3:1:2:4 with xerrorbars pointtype 0 lc rgb 'black'
