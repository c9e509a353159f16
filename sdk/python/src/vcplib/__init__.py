"""The controller's REST API as objects: unit groups (`Vc`), units (`VcUnit`), nodes and disks (`VcNode`)."""
