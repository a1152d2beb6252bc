/* A remark about a place in a file, of a workflow command or a problem matcher. */
#ifndef EXECUTOR_ANNOTATION_H
#define EXECUTOR_ANNOTATION_H

#include <stdint.h>

enum annotation_severity { ANNOTATION_NOTICE, ANNOTATION_WARNING, ANNOTATION_ERROR };

/* Texts are "" and numbers 0 where there is none. Without a line there is no column; with two lines
 * none either. */
struct annotation {
	enum annotation_severity severity;
	const char *message, *file, *title, *code;
	uint32_t line, end_line, column, end_column;
};

#endif
