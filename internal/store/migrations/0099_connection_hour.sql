-- The minutes of a connection, added up by the hour: a fortnight of them is read at
-- once. Minutes are kept for two days from now on.
CREATE TABLE connection_hour (
    connection_id        text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    hour                 timestamptz NOT NULL,
    heard                bigint      NOT NULL,
    contacts_written     bigint      NOT NULL,
    participants_written bigint      NOT NULL,
    lag_counts           bigint[]    NOT NULL, -- as in connection_minute
    backlog              bigint      NOT NULL, -- the most
    calls                bigint      NOT NULL, -- the most in 10 s
    parked               bigint      NOT NULL, -- the most
    drift                bigint      NOT NULL, -- the most
    PRIMARY KEY (connection_id, hour)
);

CREATE INDEX connection_hour_age ON connection_hour (hour);

INSERT INTO connection_hour (connection_id, hour, heard, contacts_written, participants_written, lag_counts, backlog, calls, parked, drift)
SELECT connection_id, date_trunc('hour', minute, 'UTC'), sum(heard), sum(contacts_written), sum(participants_written),
       ARRAY[sum(lag_counts[1]), sum(lag_counts[2]), sum(lag_counts[3]), sum(lag_counts[4]), sum(lag_counts[5]), sum(lag_counts[6]),
             sum(lag_counts[7]), sum(lag_counts[8]), sum(lag_counts[9]), sum(lag_counts[10]), sum(lag_counts[11]), sum(lag_counts[12])],
       max(backlog), max(calls), max(parked), max(drift)
  FROM connection_minute
 GROUP BY 1, 2;
