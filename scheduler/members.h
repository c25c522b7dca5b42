// members.h: the models of an ensemble: whether they can decode together.
#ifndef GRUS_SCHEDULER_MEMBERS_H
#define GRUS_SCHEDULER_MEMBERS_H

#include "scheduler/model.h"

// GRUS_E_USAGE names what one of the others (n) has otherwise than the first: sources and how they are cut, targets, their
// beginning and end, positions, numbers. attends: attention is asked of all.
grus_status grus_members_check(const grus_model *first, const grus_model *const *others, size_t n, bool attends,
                               grus_error *error);

#endif
