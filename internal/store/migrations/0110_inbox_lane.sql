-- What is due is found by inbox_lane. Every event wrote a second index for that when it
-- came and when it was claimed.
DROP INDEX inbox_waiting;
