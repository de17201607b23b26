/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table: rows are kept as text until all are there, then printed with two blanks between columns and none at a line's
 * end. It leaves out characters wider than a byte: what stands in our tables is ASCII. Invariant: a row has at most as
 * many cells as there are columns; more are dropped. Standards: none. */
#include "ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct row {
    char cell[TABLE_COLUMNS_MAX][TABLE_CELL_MAX];
};

struct table {
    const struct table_column *columns;
    size_t column_count;
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

static size_t width_of(const struct table *table, size_t column) {
    size_t width = strlen(table->columns[column].title);

    width = table->columns[column].width > width ? table->columns[column].width : width;
    for (size_t i = 0; i < table->row_count; i++) {
        size_t length = strlen(table->rows[i].cell[column]);

        width = length > width ? length : width;
    }
    return width;
}

static void print_cell(const struct table *table, FILE *stream, size_t column, const char *text) {
    bool last = column + 1 == table->column_count;
    int width = (int)width_of(table, column);

    if (table->columns[column].right) {
        fprintf(stream, "%*s%s", width, text, last ? "" : "  ");
    } else {
        fprintf(stream, "%-*s%s", last ? 0 : width, text, last ? "" : "  ");
    }
}

void table_print(const struct table *table, FILE *stream) {
    for (size_t i = 0; i < table->column_count; i++) {
        print_cell(table, stream, i, table->columns[i].title);
    }
    fputc('\n', stream);
    for (size_t i = 0; i < table->row_count; i++) {
        for (size_t j = 0; j < table->column_count; j++) {
            print_cell(table, stream, j, table->rows[i].cell[j]);
        }
        fputc('\n', stream);
    }
}

void table_free(struct table *table) {
    if (!table) {
        return;
    }
    free(table->rows);
    free(table);
}
