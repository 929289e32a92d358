"""Figures of the lines that a search finds: counts, sums, percentiles, by groups and by steps of time.

`aggregate` has the one shape of all answers that are no list of lines: each text of the store gives a
partial answer, and partial answers are added. The rest in the order in which an answer is made:

text_values         the values of fields in the lines of a text; counted_values, counted_measures,
                    counted_groups make numbers of them for a whole text at once
kept_numbers,       what is kept for each group until the end; numbers are the figures of a field,
kept_values         frequent_keys bounds how many groups there are
groups              counts by group; group_table makes rows of them, rates those of a second,
                    compared_groups sets them beside an earlier range
time_buckets        numbers by step; tallies (of all fields), chosen_lines (the largest)
line_counts         numbers of lines by step and level, from the index where there is one; numpy_counts
grouping            the words for all of these, such as `Figure`; read/tables shows rows as text
"""
