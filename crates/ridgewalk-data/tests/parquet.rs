//! Parquet as others write it: nullable columns, words, unsigned numbers, dates, lists.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ndarray::array;
use parquet::data_type::{ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use ridgewalk_data::{ErrorKind, Location, load};

/// One column of a table; levels are 0 where a value is missing.
enum Column<'a> {
    Double(&'a [f64], Option<&'a [i16]>),
    Int(&'a [i32]),
    Words(&'a [&'a str]),
}

fn write(path: &Path, schema: &str, columns: &[Column]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    let mut group = file.next_row_group().unwrap();
    for data in columns {
        let mut column = group.next_column().unwrap().unwrap();
        let written = match data {
            Column::Double(values, levels) => column.typed::<DoubleType>().write_batch(values, *levels, None),
            Column::Int(values) => column.typed::<Int32Type>().write_batch(values, None, None),
            Column::Words(words) => {
                let words: Vec<_> = words.iter().map(|w| (*w).into()).collect();
                column.typed::<ByteArrayType>().write_batch(&words, None, None)
            }
        };
        written.unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
}

fn table(schema: &str, columns: &[Column]) -> ridgewalk_data::Result<ridgewalk::PointSet> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    write(&path, schema, columns);
    load(path.to_str().unwrap())
}

#[test]
fn nullable_unsigned_and_words() {
    let schema = "message m { optional double a; required int32 b (UINT_32); required binary class (UTF8);
                              required int32 __index_level_0__; }";
    let columns = [
        Column::Double(&[0.5, -1.0], Some(&[1, 1])),
        Column::Int(&[7, -1]),
        Column::Words(&["dog", "cat"]),
        Column::Int(&[5, 6]),
    ];
    let set = table(schema, &columns).unwrap();
    assert_eq!(set.values(), array![[0.5, 7.0], [-1.0, 4294967295.0]]);
    assert_eq!((set.labels(), set.columns().unwrap().join(",")), (Some(&[1, 0][..]), "a,b".to_string()));
}

#[test]
fn a_missing_value_is_named_by_row_and_column() {
    let columns = [Column::Double(&[0.5, 1.0], Some(&[1, 0, 1]))];
    let error = table("message m { optional double a; }", &columns).unwrap_err();
    assert_eq!((error.kind, &error.location), (ErrorKind::NonFinite, &Some(Location::Part("a".into()))));
    assert!(error.to_string().contains("row 1 (counted from 0) is missing"), "{error}");
}

#[test]
fn what_is_no_number_is_refused_by_name() {
    for (field, column) in [
        ("required int32 when (DATE)", Column::Int(&[1])),
        ("required int32 when (DECIMAL(4, 2))", Column::Int(&[1])),
        ("required binary when (UTF8)", Column::Words(&["a"])),
    ] {
        let error = table(&format!("message m {{ {field}; }}"), &[column]).unwrap_err();
        assert_eq!(
            (error.kind, &error.location),
            (ErrorKind::Unsupported, &Some(Location::Part("when".into())))
        );
    }
    let lists = "message m { required group v (LIST) { repeated group list { required int32 element; } } }";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = Arc::new(parse_message_type(lists).unwrap());
    let file = SerializedFileWriter::new(File::create(&path).unwrap(), schema, Default::default()).unwrap();
    file.close().unwrap();
    assert!(load(path.to_str().unwrap()).unwrap_err().to_string().contains("lists"));
}
