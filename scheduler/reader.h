// reader.h: the thread that reads, parses and tokenizes shard after shard into the queue.
#ifndef GRUS_SCHEDULER_READER_H
#define GRUS_SCHEDULER_READER_H

#include "scheduler/shared.h"

// A thread's function; its argument is the grus_shared. Ends the queue when all shards are read, or gives up when it
// was stopped. A shard that cannot be read goes into the queue as a failed slot. Returns NULL.
void *grus_reader_main(void *shared);

#endif
