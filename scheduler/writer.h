// writer.h: the thread that takes finished slots in order, writes output shards and commits them.
#ifndef GRUS_SCHEDULER_WRITER_H
#define GRUS_SCHEDULER_WRITER_H

#include "scheduler/shared.h"

// A thread's function; its argument is the grus_shared. A failed shard is discarded and told, the others go on. An
// output error is left in shared->fatal and stops the queue: the disk that refuses one shard refuses the next as well.
// Returns NULL.
void *grus_writer_main(void *shared);

#endif
