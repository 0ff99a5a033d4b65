package temporalserver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// database is the SQLite database of one server: schema in place, namespace made.
type database struct {
	sql  *config.SQL
	lock *os.File // nil in memory
}

func openDatabase(opts Options) (*database, error) {
	if opts.DBFile == "" {
		// Temporal pools connections by name for the life of the process, so
		// every server in memory needs a name of its own.
		db := &database{sql: &config.SQL{
			PluginName:        sqlite.PluginName,
			DatabaseName:      "temporal-" + rand.Text(),
			ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
		}}
		return db, createNamespace(db.sql, opts)
	}
	path, err := filepath.Abs(opts.DBFile)
	if err != nil {
		return nil, err
	}
	db := &database{sql: &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: path,
		// Without the write-ahead log every commit waits for the disk, which
		// makes starting workflows about three times slower.
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "normal"},
	}}
	if db.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	if err := errors.Join(createFile(path), createNamespace(db.sql, opts)); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// createFile makes a database with its schema, unless there is one. It is made
// under another name first: a process killed half-way leaves no file that looks
// complete.
func createFile(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := path + "." + rand.Text() + ".new"
	if err := sqliteschema.SetupSchema(&config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      draft,
		ConnectAttributes: map[string]string{"mode": "rwc"},
	}); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, path)
}

func createNamespace(sql *config.SQL, opts Options) error {
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, opts.Namespace, false, opts.SearchAttributes)
	if err != nil {
		return err
	}
	ns.Detail.Config.Retention = durationpb.New(Retention)
	return sqliteschema.CreateNamespaces(sql, ns)
}

// lockFile takes the lock that keeps a second server off the same database:
// two on one file start without complaint and then damage each other's work.
// The lock goes with the process that holds it, however that ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another server uses this database (%s): %w", path, err), f.Close())
	}
	return f, nil
}

// close gives the file free for another server. The lock file stays: removing
// it would let two servers lock two files of the same name.
func (db *database) close() error {
	if db.lock == nil {
		return nil
	}
	return db.lock.Close()
}
