// check_engine.c: runs the engine's suite.
#include "config.h"

#include "tests/unit/check_engine.h"

int main(void)
{
    Suite *suite = suite_create("engine");
    suite_add_tcase(suite, vector_case());
    suite_add_tcase(suite, bits_case());
    suite_add_tcase(suite, product_case());
    suite_add_tcase(suite, int8_case());
    suite_add_tcase(suite, reading_case());
    suite_add_tcase(suite, lanes_case());
    suite_add_tcase(suite, encoder_case());
    suite_add_tcase(suite, decoder_case());
    suite_add_tcase(suite, front_case());
    suite_add_tcase(suite, infer_case());
    suite_add_tcase(suite, memory_case());
    suite_add_tcase(suite, crf_case());
    suite_add_tcase(suite, ctc_case());
    suite_add_tcase(suite, rules_case());
    suite_add_tcase(suite, sampling_case());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
