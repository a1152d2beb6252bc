/* Coverage counters are written at exit(); a process that leaves by _exit() writes them itself. */
#ifndef BASE_COVERAGE_H
#define BASE_COVERAGE_H

/* Write the counters now (build with COV=1), else nothing. Call it right before _exit(), and before
 * the process is confined so far that it could not write them. */
void coverage_flush(void);

#endif
