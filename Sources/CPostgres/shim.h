#include <libpq-fe.h>
#include <sys/eventfd.h>

// Field codes of libpq's private postgres_ext.h are characters, which Swift imports as macros it cannot always read.
static const int gatehouse_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int gatehouse_diag_constraint = PG_DIAG_CONSTRAINT_NAME;
static const int gatehouse_diag_table = PG_DIAG_TABLE_NAME;
static const int gatehouse_diag_column = PG_DIAG_COLUMN_NAME;
