"""Migration 5: batch tasks, their lines, and the files that they are made from.

    batch_file  what was uploaded, sealed: a file of new devices is full of secrets
    batch_task  what was asked for; its progress is counted from its lines
    batch_line  one target each. Its fields stay in the file, so that no secret is kept twice

Migration 7: batch_task.is_deleted, for a task that is out of sight and whose lines are taken away bit by bit.

A line is `Processing` from the transaction that makes its change until the change was told and its outcome noted.
"""

MIGRATION = (
    """
    CREATE TABLE batch_file (
        file_id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project,
        file_name TEXT NOT NULL,
        uploaded_at INTEGER NOT NULL,
        sealed_content BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX batch_file_by_project ON batch_file (project_id, file_id)",
    """
    CREATE TABLE batch_task (
        task_id TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project,
        app_id TEXT NOT NULL,
        task_name TEXT NOT NULL,
        task_type TEXT NOT NULL CHECK (task_type IN (
            'createDevices', 'deleteDevices', 'freezeDevices', 'unfreezeDevices', 'updateDevices'
        )),
        actor TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        need_confirm INTEGER NOT NULL CHECK (need_confirm IN (0, 1)),
        scheduled_at INTEGER,
        retry_count INTEGER NOT NULL,
        retry_interval_seconds INTEGER NOT NULL,
        file_id TEXT,
        targets_filter BLOB,
        status TEXT NOT NULL CHECK (status IN (
            'Initializing', 'Waitting', 'Processing', 'Success', 'Fail', 'PartialSuccess', 'Stopped', 'Stopping'
        )),
        status_desc TEXT,
        targets BLOB
    ) STRICT
    """,
    "CREATE INDEX batch_task_by_project ON batch_task (project_id, task_id)",
    """
    CREATE INDEX batch_task_unfinished ON batch_task (project_id, task_type)
    WHERE status IN ('Initializing', 'Waitting', 'Processing', 'Stopping')
    """,
    """
    CREATE TABLE batch_line (
        task_id TEXT NOT NULL REFERENCES batch_task ON DELETE CASCADE,
        number INTEGER NOT NULL,
        target TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN (
            'Waitting', 'Processing', 'Success', 'Fail', 'FailWaitRetry', 'Stopped'
        )),
        is_held INTEGER NOT NULL CHECK (is_held IN (0, 1)),
        attempts INTEGER NOT NULL,
        retry_at INTEGER,
        error_code TEXT,
        error_msg TEXT,
        PRIMARY KEY (task_id, number)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX batch_line_by_status ON batch_line (task_id, status, number)",
    "CREATE INDEX batch_line_by_target ON batch_line (task_id, target, number)",
)

DELETION = (
    "ALTER TABLE batch_task ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1))",
    "CREATE INDEX batch_task_deleted ON batch_task (task_id) WHERE is_deleted = 1",
)
