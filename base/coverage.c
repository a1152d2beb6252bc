#include "base/coverage.h"

#ifdef COURSER_COVERAGE
#include <gcov.h>

void coverage_flush(void)
{
	__gcov_dump();
	__gcov_reset();
}
#else
void coverage_flush(void)
{
}
#endif
