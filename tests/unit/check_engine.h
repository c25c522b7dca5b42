// check_engine.h: the test cases of the engine's suite, one function a file.
#ifndef GRUS_TESTS_UNIT_CHECK_ENGINE_H
#define GRUS_TESTS_UNIT_CHECK_ENGINE_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hold.h"

TCase *vector_case(void);
TCase *bits_case(void);
TCase *product_case(void);
TCase *int8_case(void);
TCase *reading_case(void);
TCase *lanes_case(void);
TCase *encoder_case(void);
TCase *front_case(void);
TCase *infer_case(void);
TCase *decoder_case(void);
TCase *memory_case(void);
TCase *crf_case(void);
TCase *ctc_case(void);
TCase *rules_case(void);
TCase *sampling_case(void);

// NaN fails.
#define ASSERT_NEAR(found, expected, tolerance)                                                                        \
    do {                                                                                                               \
        double found_ = (double)(found), expected_ = (double)(expected);                                               \
        hold_msg(fabs(found_ - expected_) <= (tolerance), "%s: found %.9g, expected %.9g", #found, found_, expected_); \
    } while (0)

#endif
