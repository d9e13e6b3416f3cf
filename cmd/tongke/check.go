package main

import (
	"fmt"
	"os"
)

// checkCmd validates the configuration file and starts nothing.
type checkCmd struct {
	Config string `help:"The configuration file. 配置文件。" placeholder:"FILE"`
	File   string `arg:"" optional:"" help:"The same, without the flag."`
	Data   string `help:"The data directory. 数据目录。" placeholder:"DIR"`
}

func (c *checkCmd) Run(con *console) error {
	path := c.Config
	if path == "" {
		path = c.File
	}
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	if _, err := dataDir(c.Data, cfg); err != nil {
		return err
	}
	if path == "" {
		path = defaultConfigFile
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintln(con.err, "there is no configuration file, the defaults apply (没有配置文件，按默认设置运行)")
		}
	}
	fmt.Fprintf(con.out, "%s: ok\n", path)
	return nil
}
