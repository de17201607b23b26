/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table: columns of text, as wide as their widest cell. */
#ifndef MPVPN_CTL_TABLE_H
#define MPVPN_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 16u /**< columns of a table */
#define TABLE_CELL_MAX 128u   /**< bytes of a cell, with NUL; longer text is cut */

/** A column. */
struct table_column {
    const char *title; /**< head */
    size_t width;      /**< least width, characters */
    bool right;        /**< aligned to the right: numbers */
};

struct table;

/** @param columns kept by the caller @return the table, or NULL: no memory */
struct table *table_new(const struct table_column *columns, size_t count);
/** Begin a row. */
void table_row(struct table *table);
/** The next cell of the row. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Leave columns out, by their titles and in this order, until all is so narrow. @param spare ends with NULL */
void table_narrow(struct table *table, size_t width, const char *const *spare);
/** The same for the width of a terminal; what is none takes everything. */
void table_fit(struct table *table, FILE *stream, const char *const *spare);
/** Print head and rows. */
void table_print(const struct table *table, FILE *stream);
/** NULL is fine. */
void table_free(struct table *table);

#endif
