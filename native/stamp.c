#include "stamp.h"

#define SECONDS_PER_HOUR 3600

static int number(const uint8_t *digits, unsigned int count)
{
    int value = 0;

    while (count-- > 0)
        value = 10 * value + (*digits++ - '0');
    return value;
}

/* The Gregorian rule; 1 or 0. */
static int is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int days_of_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01 of the first of a month, year >= 1970. */
static int64_t days_before_month(int year, int month)
{
    const int past = year - 1;
    int64_t days = (year - 1970) * 365 + (past / 4 - 1969 / 4) - (past / 100 - 1969 / 100) + (past / 400 - 1969 / 400);

    for (int before = 1; before < month; before++)
        days += days_of_month(year, before);
    return days;
}

int eng_stamp_is_in_window(const uint8_t stamp[ENG_STAMP_BYTES], int64_t now, uint32_t window_hours)
{
    const int year = number(stamp, 4), month = number(stamp + 4, 2), day = number(stamp + 6, 2);
    const int hour = number(stamp + 8, 2);
    int64_t apart;

    /* A clock before 1970 is no clock: the division below would round the other way. */
    if (now < 0 || year < 1970 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23)
        return 0;
    apart = now / SECONDS_PER_HOUR - (24 * (days_before_month(year, month) + day - 1) + hour);
    return (apart < 0 ? -apart : apart) <= (int64_t)window_hours;
}
