/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table: rows are kept as text until all are there, then printed with two blanks between columns and none at a line's
 * end; on a terminal that is too narrow without the columns that can be spared. It leaves out characters that take two
 * columns or none of a terminal. Invariant: a row has at most as many cells as there are columns; more are dropped.
 * Standards: UTF-8 (RFC 3629). */
#include "ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2 /* blanks between columns */

struct row {
    char cell[TABLE_COLUMNS_MAX][TABLE_CELL_MAX];
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    bool hidden[TABLE_COLUMNS_MAX]; /* columns that are not printed */
    struct row *rows;
    size_t row_count;
    size_t next; /* column that the next cell goes into */
};

struct table *table_new(const struct table_column *columns, size_t count) {
    struct table *table = calloc(1, sizeof *table);

    if (table) {
        table->columns = columns;
        table->column_count = count < TABLE_COLUMNS_MAX ? count : TABLE_COLUMNS_MAX;
    }
    return table;
}

void table_row(struct table *table) {
    struct row *grown = realloc(table->rows, (table->row_count + 1) * sizeof *grown);

    table->next = table->column_count;
    if (!grown) {
        return;
    }
    table->rows = grown;
    memset(&grown[table->row_count++], 0, sizeof *grown);
    table->next = 0;
}

void table_cell(struct table *table, const char *format, ...) {
    va_list args;

    if (table->next >= table->column_count) {
        return;
    }
    va_start(args, format);
    vsnprintf(table->rows[table->row_count - 1].cell[table->next++], TABLE_CELL_MAX, format, args);
    va_end(args);
}

/* Characters of a text in UTF-8. */
static size_t length_of(const char *text) {
    size_t length = 0;

    for (; *text; text++) {
        length += (*text & 0xc0) != 0x80;
    }
    return length;
}

static size_t width_of(const struct table *table, size_t column) {
    size_t width = strlen(table->columns[column].title);

    width = table->columns[column].width > width ? table->columns[column].width : width;
    for (size_t i = 0; i < table->row_count; i++) {
        size_t length = length_of(table->rows[i].cell[column]);

        width = length > width ? length : width;
    }
    return width;
}

static size_t width_of_all(const struct table *table) {
    size_t width = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        width += table->hidden[i] ? 0 : width_of(table, i) + (width ? GAP : 0);
    }
    return width;
}

void table_narrow(struct table *table, size_t width, const char *const *spare) {
    for (; *spare && width_of_all(table) > width; spare++) {
        for (size_t i = 0; i < table->column_count; i++) {
            table->hidden[i] = table->hidden[i] || strcmp(table->columns[i].title, *spare) == 0;
        }
    }
}

void table_fit(struct table *table, FILE *stream, const char *const *spare) {
    struct winsize size;
    int fd = fileno(stream); /* -1: memory */

    if (fd >= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        table_narrow(table, size.ws_col, spare);
    }
}

static void print_cell(const struct table *table, FILE *stream, size_t column, const char *text) {
    int blanks = (int)(width_of(table, column) - length_of(text));
    bool right = table->columns[column].right, last = true;

    for (size_t i = column + 1; i < table->column_count; i++) {
        last = last && table->hidden[i];
    }
    fprintf(stream, "%*s%s%*s", right ? blanks : 0, "", text, last ? 0 : GAP + (right ? 0 : blanks), "");
}

static void print_cells(const struct table *table, FILE *stream, const struct row *row) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->hidden[i]) {
            print_cell(table, stream, i, row ? row->cell[i] : table->columns[i].title);
        }
    }
    fputc('\n', stream);
}

void table_print(const struct table *table, FILE *stream) {
    print_cells(table, stream, NULL);
    for (size_t i = 0; i < table->row_count; i++) {
        print_cells(table, stream, &table->rows[i]);
    }
}

void table_free(struct table *table) {
    if (!table) {
        return;
    }
    free(table->rows);
    free(table);
}
