# cut_header.awk: from grus.h the header of a library that came before it: each struct that the caller makes, and that may
# grow, without the fields of its last 8 bytes.
BEGIN {
    lines["grus_load_options"] = 3 # strict, allow_nonfinite, reserved
    lines["grus_search"] = 1       # sampling_temperature
    lines["grus_run_options"] = 2  # prefix_key and what is said of it
    lines["grus_progress"] = 1     # rank, world_size
    lines["grus_run_events"] = 1   # on_warning
    lines["grus_verify_options"] = 1    # context
    lines["grus_verified"] = 1          # differences
    lines["grus_benchmark_options"] = 1 # records
}
/^typedef struct grus_[a-z_]* \{$/ { name = $3; n = 0 }
name == "" { print; next }
{ held[n++] = $0 }
/^\}/ {
    cut = name in lines ? lines[name] : 0
    for (i = 0; i < n - 1 - cut; i++)
        print held[i]
    print held[n - 1]
    if (cut)
        done++
    name = ""
}
END { if (done != 8) exit 1 }
