BEGIN TRANSACTION;
CREATE TABLE access_key (
        access_key TEXT NOT NULL PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES project,
        sealed_secret_key BLOB NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "access_key" VALUES('AK','project-1',X'7365616C6564',1700000000);
CREATE TABLE api_token (
        digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
        project_id TEXT NOT NULL REFERENCES project,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "api_token" VALUES(X'0000000000000000000000000000000000000000000000000000000000000000','project-1','init',1700000000,NULL);
CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        project_id TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        detail BLOB NOT NULL
    ) STRICT
    ;
INSERT INTO "audit" VALUES(1,1700000000.0,'project-1','keyturn','project.create','project-1',X'7B7D');
INSERT INTO "audit" VALUES(2,1700000000.0,'project-1','token:0123abcd','product.create','pumps',X'7B7D');
INSERT INTO "audit" VALUES(3,1700000000.0,'project-1','token:0123abcd','device.create','pump-1',X'7B7D');
INSERT INTO "audit" VALUES(4,1700000000.0,'project-1','keyturn','access-key.create','AK',X'7B7D');
INSERT INTO "audit" VALUES(5,1700000000.0,'project-1','keyturn','token.create','init',X'7B7D');
CREATE TABLE counter (
        name TEXT NOT NULL PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "counter" VALUES('record_number',1024);
INSERT INTO "counter" VALUES('record_seconds',1700000000);
CREATE TABLE credential (
        device_id TEXT NOT NULL PRIMARY KEY REFERENCES device (device_id) ON DELETE CASCADE,
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL,
        node_id TEXT NOT NULL,
        generation INTEGER NOT NULL,
        protocol TEXT NOT NULL CHECK (protocol IN ('MQTT', 'CoAP', 'Other')),
        auth_type TEXT NOT NULL CHECK (auth_type IN ('SECRET', 'CERTIFICATES')),
        frozen INTEGER NOT NULL CHECK (frozen IN (0, 1)),
        secure_access INTEGER NOT NULL CHECK (secure_access IN (0, 1)),
        activated INTEGER NOT NULL CHECK (activated IN (0, 1)),
        checked_stamp_seen INTEGER NOT NULL CHECK (checked_stamp_seen IN (0, 1)),
        timeout_at INTEGER,
        sealed_primary BLOB,
        sealed_secondary BLOB,
        fingerprint TEXT,
        secondary_fingerprint TEXT
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "credential" VALUES('pump-1','6553f1000000000000000001','project-1','node-1',1,'MQTT','SECRET',0,1,0,0,NULL,X'7365616C6564',NULL,NULL,NULL);
CREATE TABLE device (
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL,
        device_id TEXT NOT NULL UNIQUE,
        node_id TEXT NOT NULL,
        product_id TEXT NOT NULL,
        gateway_id TEXT NOT NULL,
        device_name TEXT,
        description TEXT,
        app_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        activated_at REAL,
        last_seen_at REAL,
        timeout_seconds INTEGER NOT NULL,
        extension_info BLOB,
        tags BLOB,
        shadow BLOB,
        UNIQUE (project_id, record_id),
        FOREIGN KEY (project_id, product_id) REFERENCES product (project_id, product_id)
    ) STRICT
    ;
INSERT INTO "device" VALUES('6553f1000000000000000001','project-1','pump-1','node-1','pumps','pump-1',NULL,NULL,'app',1700000000,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE product (
        record_id TEXT NOT NULL,
        project_id TEXT NOT NULL REFERENCES project,
        product_id TEXT NOT NULL,
        name TEXT NOT NULL,
        device_type TEXT NOT NULL,
        protocol_type TEXT NOT NULL,
        data_format TEXT NOT NULL,
        manufacturer_name TEXT,
        industry TEXT,
        description TEXT,
        app_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        service_capabilities BLOB NOT NULL,
        UNIQUE (project_id, product_id),
        UNIQUE (project_id, record_id)
    ) STRICT
    ;
INSERT INTO "product" VALUES('111111111111111111111111','project-1','pumps','Pumps','pump','MQTT','json',NULL,NULL,NULL,'app',1700000000,X'5B5D');
CREATE TABLE project (
        project_id TEXT NOT NULL PRIMARY KEY,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    ;
INSERT INTO "project" VALUES('project-1',1700000000);
CREATE UNIQUE INDEX api_token_by_name ON api_token (project_id, name) WHERE revoked_at IS NULL;
CREATE INDEX product_by_name ON product (project_id, name, record_id);
CREATE INDEX product_by_app ON product (project_id, app_id, record_id);
CREATE INDEX device_by_product ON device (project_id, product_id, record_id);
CREATE INDEX device_by_gateway ON device (project_id, gateway_id, record_id);
CREATE INDEX device_by_node ON device (project_id, node_id, record_id);
CREATE INDEX device_by_name ON device (project_id, device_name, record_id);
CREATE INDEX device_by_app ON device (project_id, app_id, record_id);
CREATE INDEX device_by_creation ON device (project_id, created_at, record_id);
CREATE UNIQUE INDEX credential_by_coap_node ON credential (node_id) WHERE protocol = 'CoAP';
CREATE INDEX audit_by_project ON audit (project_id, sequence);
CREATE INDEX audit_by_target ON audit (project_id, target, sequence);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',5);
COMMIT;
PRAGMA user_version = 1;
